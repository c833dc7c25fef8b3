"""How the documentation site is built: `make docs`. Every warning is an error.

The pages are the Markdown files of this folder, as GitHub shows them too, and the docstrings.
"""

import os
import sys
from pathlib import Path

FOLDER = Path(__file__).parent
sys.path[:0] = [str(FOLDER.parent / "src"), str(FOLDER / "_extensions")]
os.environ["PYTHONPATH"] = str(FOLDER.parent / "src")  # of the processes that run the tutorials
os.environ["OMP_NUM_THREADS"] = "1"
KERNEL = FOLDER.parent / "build" / "ipython"  # its settings, not those of the person who builds
os.environ["IPYTHONDIR"] = str(KERNEL)
(KERNEL / "profile_default").mkdir(parents=True, exist_ok=True)
(KERNEL / "profile_default" / "ipython_kernel_config.py").write_text(
    "c.IPKernelApp.log_level = 'ERROR'  # a warning that its sockets are local is no news\n"
)

import retroprop  # from this tree, whatever else is installed

project = "retroprop"
author = "the retroprop founders"
project_copyright = author
release = version = retroprop.__version__
language = "en"

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "mathml",
    "plain_docstrings",
    "api_pages",
    "repository",
    "shortcuts",
]
exclude_patterns = ["_extensions"]
suppress_warnings = ["ref.python"]  # of two classes with one name, a link leads to the first

# Pages: Markdown as GitHub reads it.
myst_enable_extensions = ["dollarmath"]
myst_fence_as_directive = ["math"]
myst_heading_anchors = 4
myst_dmath_allow_labels = False
myst_url_schemes = ["http", "https", "mailto", "repository"]
html_math_renderer = "mathml"

# Tutorials: each page is run from the top in its own process; an error is a warning, and they fail.
nb_execution_mode = "cache"
nb_execution_cache_path = str(FOLDER.parent / "build" / "jupyter_cache")
nb_execution_show_tb = True
nb_execution_timeout = 300

# Docstrings: what is not private and has one, in the order of the source.
default_role = "py:obj"
autodoc_member_order = "bysource"
add_module_names = False
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
autodoc_use_type_comments = False  # we have none, and looking for them takes a tenth of the build
python_maximum_signature_line_length = 80
python_use_unqualified_type_names = True
napoleon_custom_sections = [("Attributes", "params_style")]
viewcode_line_numbers = True

html_theme = "furo"
html_title = "retroprop"
html_static_path = ["_static"]
html_css_files = ["retroprop.css"]
html_copy_source = False
html_show_sphinx = False


def leave_out_what_is_empty(app, docname, content):
    """Take the list of tutorials off their page while there are none: else it is a warning."""
    if docname == "tutorials/index" and len(list(FOLDER.glob("tutorials/*.md"))) == 1:
        content[0] = content[0].partition("```{toctree}")[0]


def setup(app):
    """Sphinx calls this with the application."""
    app.connect("source-read", leave_out_what_is_empty)
