"""How the documentation site is built: `make docs`. Every warning is an error.

The pages are the Markdown files of this folder, as GitHub shows them too, and the docstrings.
"""

import sys
from pathlib import Path

FOLDER = Path(__file__).parent
sys.path[:0] = [str(FOLDER.parent / "src"), str(FOLDER / "_extensions")]

import retroprop  # noqa: E402  from this tree, whatever else is installed

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

# Pages: Markdown as GitHub reads it.
myst_enable_extensions = ["dollarmath"]
myst_fence_as_directive = ["math"]
myst_heading_anchors = 4
myst_dmath_allow_labels = False
myst_url_schemes = ["http", "https", "mailto", "repository"]
html_math_renderer = "mathml"

# Tutorials: each page is run from the top in its own process; an error fails the build.
nb_execution_mode = "cache"
nb_execution_raise_on_error = True
nb_execution_timeout = 300

# Docstrings: what is not private and has one, in the order of the source.
default_role = "py:obj"
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
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
