"""Settings of Sphinx for the site; docs/site/build.py calls it."""

import warnings
from importlib import metadata

warnings.filterwarnings("ignore", category=DeprecationWarning)

project = "goeslake"
author = "The goeslake authors"
copyright = author  # noqa: A001 (Sphinx's name)
release = metadata.version("goeslake")
default_role = "code"
myst_enable_extensions = ["deflist"]
extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "docs.site.offline_search",
]
exclude_patterns = ["extra"]
html_theme = "furo"
html_title = "goeslake"
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_theme_options = {"source_repository": "", "top_of_page_buttons": []}
highlight_language = "text"
pygments_style = "friendly"
pygments_dark_style = "monokai"
myst_heading_anchors = 4
nb_execution_mode = "off"  # docs/site/notebooks.py executes them, in one folder
nb_merge_streams = True
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
python_use_unqualified_type_names = True
autodoc_class_signature = "mixed"
maximum_signature_line_length = 80
copybutton_exclude = ".linenos, .gp, .go"
