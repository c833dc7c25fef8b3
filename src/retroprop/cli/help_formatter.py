"""The help of every command, in the reader's language.

cyclopts puts the texts of a page together and hands them to a formatter. Ours says each of them in
the reader's language, and leaves the layout to the formatter of cyclopts. The language is asked for
when a page is shown, so it costs nothing elsewhere.
"""

import re
from typing import TYPE_CHECKING, Any

from retroprop.languages import Say, reader_language, translator

if TYPE_CHECKING:
    from cyclopts import App
    from cyclopts.help import HelpEntry, HelpPanel, InlineText
    from rich.console import Console, ConsoleOptions, RenderResult

_CODE = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)
_NO_BREAK = str.maketrans({"\u00a0": "\ue000", "\u202f": "\ue001"})  # two letters of no script
_SPACES = str.maketrans({"\ue000": "\u00a0", "\ue001": "\u202f"})


class HelpFormatter:
    """Shows a page of help.

    Args:
        app: The program, whose commands know the names of their arguments.
        say: Says each text; by default in the reader's language.
    """

    def __init__(self, app: "App", say: Say | None = None) -> None:
        self._app, self._say = app, say

    @property
    def say(self) -> Say:
        """The function that says a text of the page."""
        return self._say or translator(reader_language())

    def render_usage(self, console: "Console", options: "ConsoleOptions", usage: Any) -> None:
        """Print the first line."""
        from cyclopts.help.specs import DefaultStyled
        from rich.text import Text

        words = self._with_names(str(usage).split())
        said = [self.say("COMMAND") if word == "COMMAND" else word for word in words]
        line = self.say("Usage: {command}").format(command=" ".join(said) + "\n")
        console.print(DefaultStyled(Text(line, style="cyclopts.usage")))

    def _with_names(self, words: list[str]) -> list[str]:
        """The words of a usage, its last one, [ARGS], replaced by the arguments' own names."""
        if words[-1] not in ("[ARGS]", "[ARGS...]"):
            return words
        command = self._app
        for word in words[1:]:
            if word not in command:
                break
            command = command[word]
        names = [
            f"[{argument.name.lstrip('-').upper()}"
            + ("...]" if argument.field_info.kind is argument.field_info.VAR_POSITIONAL else "]")
            for argument in command.assemble_argument_collection(parse_docstring=False)
            if argument.field_info.is_positional
            and not argument.required
            and not argument.field_info.is_keyword
        ]
        return [*words[:-1], *names]

    def render_description(
        self, console: "Console", options: "ConsoleOptions", description: Any
    ) -> None:
        """Print what stands above the panels."""
        if description:
            console.print(_Unbroken(_said(description, self.say, force_empty_end=True)))

    def __call__(self, console: "Console", options: "ConsoleOptions", panel: "HelpPanel") -> None:
        """Print one panel: the commands of a group, the arguments or the options."""
        from cyclopts.help import DefaultFormatter
        from cyclopts.help.specs import get_default_command_columns, get_default_parameter_columns

        of_commands = panel.format == "command"
        usual = get_default_command_columns if of_commands else get_default_parameter_columns
        *names, description = usual(console, options, panel.entries)
        columns = (*names, description.copy(renderer=self._beside))
        said = panel.copy(title=self.say(str(panel.title)))
        DefaultFormatter(column_specs=columns)(console, options, said)

    def _beside(self, entry: "HelpEntry") -> "_Unbroken":
        """What stands beside a name: its description, then choices, default and "required"."""
        from rich.text import Text

        say, text = self.say, _said(entry.description, self.say)
        if entry.choices:
            choices = say("[choices: {values}]").format(values=", ".join(entry.choices))
            text.append(Text(choices.translate(_NO_BREAK), "cyclopts.choices"))
        if entry.default is not None:
            default = say("[default: {value}]").format(value=entry.default)
            text.append(Text(default.translate(_NO_BREAK), "cyclopts.default"))
        if entry.required:
            text.append(Text(say("[required]"), "cyclopts.required"))
        return _Unbroken(text)


def in_language(source: str, say: Say) -> str:
    """Markdown, said paragraph by paragraph; code stays as it is.

    Each paragraph is said on one line, so the line breaks of the code are not part of the text.
    """
    blocks: list[str] = []
    for i, part in enumerate(_CODE.split(source)):
        if i % 2:  # the code, which the pattern caught
            blocks.append(part)
            continue
        paragraphs = (" ".join(text.split()) for text in re.split(r"\n\s*\n", part))
        blocks += [say(text) for text in paragraphs if text]
    return "\n\n".join(blocks)


def _said(text: "InlineText", say: Say, *, force_empty_end: bool = False) -> "InlineText":
    from cyclopts.help import InlineText
    from rich.markdown import Markdown

    source = text.primary_renderable
    assert isinstance(source, Markdown)  # the format of all our texts: help_format
    markdown = in_language(source.markup, say).translate(_NO_BREAK)
    return InlineText.from_format(markdown, "markdown", force_empty_end=force_empty_end)


class _Unbroken:
    """Keeps a line whole at its no-break spaces, where rich would break it.

    While rich lays the lines out, letters that stand in no text take the place of the spaces.
    """

    def __init__(self, text: "InlineText") -> None:
        self._text = text

    def __rich_console__(self, console: "Console", options: "ConsoleOptions") -> "RenderResult":
        for segment in console.render(self._text, options):
            yield segment._replace(text=segment.text.translate(_SPACES))
