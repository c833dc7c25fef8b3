"""What makes the build of a large reference fast: things that are not done again and again.

Furo writes the sidebar's whole tree into every page. Most pages are sources and modules, which are
not in that tree; for those of one folder it is the same text, so it is made once.

Every type in a signature is looked for among all names of the reference, however it may be
qualified. Most are `int` and `Tensor`, which no page describes, so those are left as text at once.

autodoc reads the source of a function twice, for the defaults in its signature, and the search
brings each word of a page to its stem: both are remembered.
"""

import functools
import inspect
import posixpath
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.search.en import SearchEnglish
from sphinx.transforms.post_transforms import SphinxPostTransform


def share_the_sidebar(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """Put a function into the page's context that remembers the tree of its folder."""
    listed = {name for names in app.env.toctree_includes.values() for name in names}
    make = context.get("toctree")
    if make is None or pagename in listed or pagename == app.config.root_doc:
        return
    folder = posixpath.dirname(pagename)
    made = app.builder.__dict__.setdefault("retroprop_sidebars", {})

    def remembered(**options: Any) -> str:
        if folder not in made:
            made[folder] = make(**options)
        return made[folder]

    context["toctree"] = remembered


class LeaveForeignNames(SphinxPostTransform):
    """Turn references to what no page describes into text, before they are looked for."""

    default_priority = 5  # the search has 10

    def run(self, **kwargs: Any) -> None:
        """Compare the last parts of names, which every kind of match has in common."""
        described = self.env.domains.python_domain.objects
        if not hasattr(self.app.builder, "retroprop_names"):
            names = {name.rpartition(".")[2] for name in described}
            self.app.builder.__dict__["retroprop_names"] = names
        names = self.app.builder.__dict__["retroprop_names"]
        for reference in list(self.document.findall(addnodes.pending_xref)):
            if reference.get("refdomain") != "py":
                continue
            if reference["reftarget"].removesuffix("()").rpartition(".")[2] not in names:
                reference.replace_self(_content(reference))


def _content(reference: addnodes.pending_xref) -> list[nodes.Node]:
    """What stands in a reference; of the several forms of a type, the short one."""
    for child in reference.children:
        if isinstance(child, addnodes.pending_xref_condition) and child["condition"] == "resolved":
            return child.children
    return reference.children


def setup(app: Sphinx) -> dict[str, bool]:
    """Before furo (priority 500) writes the sidebar."""
    inspect.getsource = functools.cache(inspect.getsource)
    SearchEnglish.stem = functools.cache(SearchEnglish.stem)
    app.connect("html-page-context", share_the_sidebar, priority=400)
    app.add_post_transform(LeaveForeignNames)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
