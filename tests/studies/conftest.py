import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # `import small`, here and in helper processes
