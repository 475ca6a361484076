"""The book: what `helpers.book` has written, made into pages by Sphinx. See `make book`."""

import sphinx.ext.mathjax


def block(self, node):
    """A formula as it stands: Sphinx would wrap several lines in `split`, in which a `\\tag` is an error."""
    self.body.append(self.starttag(node, "div", CLASS="math notranslate nohighlight"))
    self.body.append(r"\[" + self.encode(node.astext()) + r"\]</div>")
    raise sphinx.ext.mathjax.nodes.SkipNode


sphinx.ext.mathjax.html_visit_displaymath = block

project = "Reading Papers"
extensions = ["myst_nb", "sphinx-mathjax-offline"]
html_theme = "sphinx_book_theme"
html_title = "Reading Papers"
html_css_files = ["explorer.css"]
html_js_files = [("explorer.js", {"defer": "defer"})]
html_static_path = ["_static"]
html_extra_path = ["_extra"]
html_theme_options = {"use_download_button": False, "show_toc_level": 2, "use_fullscreen_button": False}
html_copy_source = False
html_show_sourcelink = False
html_sidebars = {"**": ["navbar-logo.html", "search-button-field.html", "sbt-sidebar-nav.html"]}
exclude_patterns = ["_originals", "_extra"]
myst_enable_extensions = ["dollarmath", "amsmath"]
myst_dmath_allow_space = True
nb_execution_mode = "off"
nb_render_markdown_format = "myst"
nb_code_prompt_show = "Show the code"
nb_code_prompt_hide = "Hide the code"
suppress_warnings = ["myst.header", "mystnb.unknown_mime_type", "myst.xref_missing"]
