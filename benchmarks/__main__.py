"""Run every benchmark, one after the other, each in a process of its own."""

import subprocess
import sys

SCRIPTS = (
    "study",
    "notebook_style",
    "peers",
    "growth",
    "mlp",
    "populations",
    "depth_width",
    "template_trainer",
    "vectorized",
    "deep_steps",
    "augmentation",
)

for script in SCRIPTS:
    print(f"\n== benchmarks/{script}.py", flush=True)
    subprocess.run([sys.executable, "-m", f"benchmarks.{script}"], check=True)
