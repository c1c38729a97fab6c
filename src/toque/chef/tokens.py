"""Ruby text as tokens, as far as Chef cookbooks use the language.

Written after the lexical structure in Ruby's own documentation (doc/syntax/literals.rdoc).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

KEYWORDS = frozenset(
    "if unless elsif else case when end do while until then def class module begin rescue ensure "
    "and or not nil true false return yield next break in for".split()
)
_OPERATORS = sorted(
    "**= <=> === ... ||= &&= << >> == != >= <= && || => -> :: .. =~ !~ += -= *= /= &. ** "
    "+ - * / % = < > ! ? : , . ( ) [ ] { } | & ; ^ ~ \\".split(),
    key=len,
    reverse=True,
)
_CLOSING = {"(": ")", "[": "]", "{": "}", "<": ">"}
_IDENT = re.compile(r"[A-Za-z_]\w*[?!]?(?![=~](?!=))|[A-Za-z_]\w*", re.ASCII)
_NUMBER = re.compile(r"0[xX][0-9a-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+|\d[\d_]*\.\d[\d_]*|\d[\d_]*")
_HEREDOC = re.compile(r"<<([-~]?)(?:([A-Z_a-z]\w*)|(['\"])([^'\"\n]+)\3)")
_PERCENT = re.compile(r"%([wWqQiIrx]?)([^\w\s])")
_PERCENT_KINDS = {"w": "words", "i": "words", "r": "regex", "x": "shell"}
_SYMBOL = re.compile(r":([A-Za-z_]\w*[?!]?)(?!:)", re.ASCII)
_IVAR = re.compile(r"@{1,2}(\w+)", re.ASCII)
_SPACED = re.compile(r"(?:[ \t\r]|\\\r?\n)+")
_ESCAPES = {"n": "\n", "t": "\t", "s": " ", "r": "\r", "0": "\0", "e": "\x1b", "\n": ""}


class Unreadable(Exception):
    """Text that this reader of Ruby does not know, with its line (from 1)."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line = line
        self.reason = reason


@dataclass(frozen=True)
class Token:
    """``kind``: name, const, keyword, ivar, number, text, words, symbol, label, regex, op, newline,
    end.  ``parts`` of a text are strings and, for an interpolation, its tokens.  ``spaced``: white
    space stands before it.  ``last`` is the line on which it ends."""

    kind: str
    value: str
    line: int
    last: int
    spaced: bool
    parts: tuple[str | tuple[Token, ...], ...] = ()


@dataclass
class _Lexer:
    text: str
    line: int = 1
    at: int = 0
    found: list[Token] = field(default_factory=list)
    heredocs: list[tuple[int, str, str]] = field(default_factory=list)
    spaced: bool = True

    def run(self, until_brace: bool = False) -> list[Token]:
        depth = 0
        while self.at < len(self.text):
            char = self.text[self.at]
            if char == "\n":
                self._newline()
            elif space := _SPACED.match(self.text, self.at):
                self.line += space[0].count("\n")
                self.at, self.spaced = space.end(), True
            elif char == "#":
                end = self.text.find("\n", self.at)
                self.at = len(self.text) if end < 0 else end
            elif self._line_is("=begin"):
                self._block_comment()
            elif self._line_is("__END__"):
                raise Unreadable(self.line, "text behind __END__")
            else:
                if until_brace and char == "}" and depth == 0:
                    self.at += 1
                    return self.found
                depth += (char == "{") - (char == "}")
                self._token(char)
                self.spaced = False
        if until_brace:
            raise Unreadable(self.line, "an interpolation that does not end")
        if self.heredocs:
            raise Unreadable(self.line, "a heredoc that does not end")
        return self.found

    def _line_is(self, word: str) -> bool:
        first = self.at == 0 or self.text[self.at - 1] == "\n"
        return first and self.text.startswith(word, self.at)

    def _block_comment(self) -> None:
        end = re.compile(r"^=end.*$", re.M).search(self.text, self.at)
        if end is None:
            raise Unreadable(self.line, "a comment that does not end")
        self.line += self.text.count("\n", self.at, end.end())
        self.at = end.end()

    def _add(self, kind: str, value: str, first: int, *parts: str | tuple[Token, ...]) -> None:
        self.found.append(Token(kind, value, first, self.line, self.spaced, parts))

    def _newline(self) -> None:
        self._add("newline", "\n", self.line)
        self.at += 1
        self.line += 1
        self.spaced = True
        waiting, self.heredocs = self.heredocs, []
        for index, way, word in waiting:
            self._heredoc(index, way, word)

    def _heredoc(self, index: int, way: str, word: str) -> None:
        raw = word.startswith("'")
        word = word.strip("'\"")
        lines: list[str] = []
        first = self.line
        while True:
            if self.at >= len(self.text):
                raise Unreadable(self.found[index].line, "a heredoc that does not end")
            end = self.text.find("\n", self.at)
            end = len(self.text) if end < 0 else end
            line = self.text[self.at : end]
            self.at = min(end + 1, len(self.text))
            self.line += 1
            if (line.strip() if way else line) == word:
                break
            lines.append(line)
        if way == "~":
            margin = min((len(x) - len(x.lstrip()) for x in lines if x.strip()), default=0)
            lines = [x[margin:] for x in lines]
        body = "".join(f"{x}\n" for x in lines)
        parts = (body,) if raw else _interpolated(body, first)
        old = self.found[index]
        self.found[index] = Token("text", body, old.line, self.line - 1, old.spaced, tuple(parts))

    def _token(self, char: str) -> None:
        if char in "\"'`":
            self._quoted(char, char, char != "'", "text" if char != "`" else "shell")
        elif not (self._percent() or self._begins_text(char) or self._symbol(char)):
            self._plain(char)

    def _percent(self) -> bool:
        """``%w(...)`` and its like."""
        made = _PERCENT.match(self.text, self.at)
        if made is None or not (made[1] or self._value_wanted()):
            return False
        self.at += len(made[0]) - 1
        kind = _PERCENT_KINDS.get(made[1].lower(), "text")
        close = _CLOSING.get(made[2], made[2])
        self._quoted(made[2], close, made[1] in ("", "W", "Q"), kind)
        return True

    def _begins_text(self, char: str) -> bool:
        """A heredoc or a pattern."""
        if char not in "</" or not self._value_wanted():
            return False
        if char == "/":
            self._quoted("/", "/", False, "regex")
            return True
        here = _HEREDOC.match(self.text, self.at)
        if here is None:
            return False
        self.heredocs.append((len(self.found), here[1], here[2] or f"{here[3]}{here[4]}"))
        self.at = here.end()
        self._add("text", "", self.line)
        return True

    def _symbol(self, char: str) -> bool:
        if char != ":":
            return False
        if self.text[self.at + 1 : self.at + 2] in ("'", '"') and self._value_wanted():
            self.at += 1
            self._quoted(self.text[self.at], self.text[self.at], False, "symbol")
            return True
        made = _SYMBOL.match(self.text, self.at)
        if made is None:
            return False
        self.at += len(made[0])
        self._add("symbol", made[1], self.line)
        return True

    def _plain(self, char: str) -> None:
        if made := _IVAR.match(self.text, self.at):
            self.at = made.end()
            self._add("ivar", made[1], self.line)
        elif made := _NUMBER.match(self.text, self.at):
            self.at = made.end()
            self._add("number", made[0], self.line)
        elif made := _IDENT.match(self.text, self.at):
            self._word(made[0])
        else:
            word = next((one for one in _OPERATORS if self.text.startswith(one, self.at)), None)
            if word is None:
                raise Unreadable(self.line, f"the character {char!r}")
            self.at += len(word)
            self._add("op", word, self.line)

    def _word(self, word: str) -> None:
        self.at += len(word)
        after = self.text[self.at : self.at + 2]
        dotted = bool(self.found) and self.found[-1].value in (".", "&.", "::")
        if after[:1] == ":" and after != "::" and not dotted and not self._in_ternary():
            self.at += 1
            self._add("label", word, self.line)
        elif word in KEYWORDS and not dotted:
            self._add("keyword", word, self.line)
        else:
            self._add("const" if word[0].isupper() else "name", word, self.line)

    def _in_ternary(self) -> bool:
        """Whether a ``?`` before on this line waits for its colon."""
        open_ = 0
        for token in reversed(self.found):
            if token.kind == "newline":
                break
            if token.kind == "op" and token.value == "?":
                open_ += 1
            elif token.kind == "op" and token.value == ":":
                open_ -= 1
        return open_ > 0

    def _value_wanted(self) -> bool:
        """Whether an operand may stand here, so that ``/`` begins a pattern and ``<<`` a text."""
        before = self.found[-1] if self.found else None
        if before is None or before.kind in ("newline", "keyword", "label"):
            return before is None or before.value not in ("end", "nil", "true", "false")
        if before.kind == "op":
            return before.value not in (")", "]", "}")
        after = self.text[self.at + 1 : self.at + 2]
        return before.kind == "name" and self.spaced and after not in (" ", "=", "\n")

    def _quoted(self, open_: str, close: str, expand: bool, kind: str) -> None:
        first, start = self.line, self.at + 1
        end, depth = start, 1
        while end < len(self.text):
            char = self.text[end]
            if char == "\\":
                end += 1
            elif expand and self.text.startswith("#{", end):
                inner = _Lexer(self.text, line=self.line, at=end + 2)
                inner.run(until_brace=True)
                end = inner.at - 1
            elif char == close and depth == 1:
                break
            elif open_ != close and char in (open_, close):
                depth += 1 if char == open_ else -1
            end += 1
        if end >= len(self.text):
            raise Unreadable(first, f"a text from {open_} that does not end")
        body = self.text[start:end]
        self.at = end + 1
        self.line += body.count("\n")
        if kind == "regex":
            while self.text[self.at : self.at + 1] in ("i", "m", "x", "o"):
                self.at += 1
            self._add(kind, body, first, body)
        elif expand:
            self._add(kind, body, first, *_interpolated(body, first))
        elif kind == "words":
            self._add(kind, body, first)
        else:
            plain = re.sub(r"\\([\\'])" if close == "'" else r"\\(.)", r"\1", body)
            self._add(kind, plain, first, plain)


def _interpolated(body: str, line: int) -> list[str | tuple[Token, ...]]:
    """The parts of a text with ``#{...}`` and escapes."""
    parts: list[str | tuple[Token, ...]] = []
    text, at = "", 0
    while at < len(body):
        if body[at] == "\\" and at + 1 < len(body):
            if body[at + 1] in "uxcCM1234567":
                raise Unreadable(line + body.count("\n", 0, at), "a numbered character")
            text += _ESCAPES.get(body[at + 1], body[at + 1])
            at += 2
        elif body.startswith("#{", at):
            inner = _Lexer(body, line=line + body.count("\n", 0, at), at=at + 2)
            tokens = inner.run(until_brace=True)
            if text:
                parts.append(text)
            parts.append(tuple(tokens))
            text, at = "", inner.at
        else:
            text += body[at]
            at += 1
    return [*parts, text] if text or not parts else parts


def tokens(text: str, first: int = 1) -> tuple[tuple[Token, ...], Unreadable | None]:
    """The tokens of a file, and what ended the reading before the end, if anything did."""
    lexer = _Lexer(text, line=first)
    fault = None
    try:
        lexer.run()
    except Unreadable as error:
        fault = error
    except RecursionError:
        fault = Unreadable(lexer.line, "texts inside texts, too deep")
    found = lexer.found
    if fault is not None:  # a statement that was begun is not whole
        kept = [token for token in found if token.line < fault.line]
        found = kept
    return (
        *found,
        Token("newline", "\n", lexer.line, lexer.line, True),
        Token("end", "", lexer.line, lexer.line, True),
    ), fault
