"""Page: the validation report as one HTML file that loads nothing from anywhere and runs no script."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from html import escape

from features.validation.report import Example, Finding, Report, percent, row_pairs

__all__ = ["STYLE", "report_page"]

STYLE = """
:root { color-scheme: light dark; --ink: #1d2126; --soft: #5a636e; --line: #d5dae0; --paper: #ffffff; --wash: #f4f6f8;
  --bad: #a4262c; --odd: #8a5a00; --good: #1f6b3a; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e7eb; --soft: #9aa4b0; --line: #3a424c; --paper: #15181c;
  --wash: #1e2328; --bad: #ff8f8a; --odd: #eab765; --good: #7fcf9a; } }
* { box-sizing: border-box; }
body { font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
  color: var(--ink); background: var(--paper); max-width: 62rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .25rem; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin: 2.75rem 0 .5rem; padding-top: .75rem; border-top: 1px solid var(--line); }
h3 { font-size: 1rem; margin: 1.5rem 0 .25rem; }
p { margin: .35rem 0; max-width: 46rem; }
.soft, caption { color: var(--soft); }
.verdict { margin: 1.25rem 0 0; padding: .75rem 1rem; background: var(--wash); border-left: 4px solid var(--good);
  max-width: none; }
.verdict.odd { border-color: var(--odd); }
.verdict.bad { border-color: var(--bad); }
nav ul { list-style: none; display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; margin: 1.25rem 0 0; padding: 0; }
a { color: inherit; text-underline-offset: .2em; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; margin: .5rem 0; }
caption { text-align: left; padding: 0 0 .25rem; }
th, td { text-align: left; vertical-align: top; padding: .35rem 1.25rem .35rem 0;
  border-bottom: 1px solid var(--line); }
thead th { color: var(--soft); font-weight: 600; white-space: nowrap; }
tbody th { font-weight: 600; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.some { color: var(--bad); font-weight: 600; }
code { font: .85em/1.45 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; overflow-wrap: anywhere; }
.count { color: var(--soft); margin-top: 0; }
.pair { display: inline-block; margin-right: .6em; }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
ul { padding-left: 1.2rem; margin: .35rem 0; max-width: 46rem; }
li { margin: .2rem 0; overflow-wrap: anywhere; }
footer { margin-top: 3rem; font-size: .85rem; overflow-wrap: anywhere; }
.reason { width: 34%; min-width: 12rem; }
@media print { :root { --ink: #000; --soft: #444; --line: #bbb; --paper: #fff; --wash: #f3f3f3; --bad: #8a1c1c;
    --odd: #6b4600; --good: #14532d; }
  body { font-size: 10pt; max-width: none; padding: 0; } nav { display: none; } h2 { margin-top: 1.5rem; }
  h2, h3 { break-after: avoid; } tr, li, .verdict { break-inside: avoid; } .scroll { overflow: visible; } }
"""


def report_page(
    report: Report,
    name: str,
    *,
    observed: tuple[dt.date, dt.date] | None = None,
    refusal: str = "",
    fingerprint: str = "",
) -> str:
    """A whole HTML document.

    Parameters
    ----------
    name : what was checked, as a person calls it.
    observed : the observed days `[from, until)`; not told when None.
    refusal : why the history cannot be relied on, as one sentence; empty where it can.
    fingerprint : of the history's content.
    """
    parts = [_tables(report), _findings(report), _disagreements(report), _leaks(report), _notes(report)]
    links = "".join(f'<li><a href="#{anchor}">{escape(title)}</a></li>' for anchor, title, _ in parts)
    sections = "".join(
        f'<section aria-labelledby="{anchor}"><h2 id="{anchor}">{escape(title)}</h2>{body}</section>'
        for anchor, title, body in parts
    )
    days = f"Observed from {observed[0]} until {observed[1]} (that day not included)." if observed else ""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        f"<title>Check of {escape(name)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<header>"
        f'<h1>Check of {escape(name)}</h1><p class="soft">{escape(days)}</p>{_verdict(report, refusal)}</header>\n'
        f'<nav aria-label="Parts of this report"><ul>{links}</ul></nav>\n<main>{sections}</main>\n'
        f'<footer class="soft"><p>Made by <code>tenure check</code>. {_fingerprint(fingerprint)}</p></footer>\n'
        "</body>\n</html>\n"
    )


def _fingerprint(fingerprint: str) -> str:
    return f"Fingerprint of the data: <code>{escape(fingerprint[:16])}</code>." if fingerprint else ""


def _verdict(report: Report, refusal: str) -> str:
    """The one sentence that somebody in a hurry reads."""
    aside = sum(report.failing.values())
    said = [f"{aside:,} {'row is' if aside == 1 else 'rows are'} set aside" if aside else "No row is set aside"]
    if report.disagreements:
        said.append(f"tables disagree on {_counted(len(report.disagreements), 'point')}")
    if report.leaks and report.leaks.found:
        said.append(f"there {'is' if len(report.leaks.found) == 1 else 'are'} "
                    f"{_counted(len(report.leaks.found), 'possible leak')}")  # fmt: skip
    kind = "bad" if refusal else "odd" if len(said) > 1 or report.warnings else ""
    text = refusal or ("; ".join(said) + ".")
    return f'<p class="verdict {kind}">{escape(text)}</p>'


def _counted(number: int, thing: str) -> str:
    """A number with its noun.

    >>> _counted(1, "point"), _counted(2, "point")
    ('1 point', '2 points')
    """
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def _tables(report: Report) -> tuple[str, str, str]:
    rows = []
    for table in report.tables:
        aside = report.failing.get(table.table, 0)
        share = percent(aside, table.rows) if aside else ""
        some = ' class="number some"' if aside else ' class="number"'
        rows.append(
            f'<tr><th scope="row">{escape(table.table)}</th><td><code>{escape(table.source)}</code></td>'
            f'<td class="number">{table.rows:,}</td><td{some}>{aside:,}</td>'
            f'<td class="number">{escape(share)}</td></tr>'
        )
    head = [("Table", ""), ("Read from", ""), ("Rows", "number"), ("Set aside", "number"), ("Share", "number")]
    return "tables", "Tables", _table("Each table, its rows and how many of them are set aside.", head, rows)


def _table(caption: str, head: Sequence[tuple[str, str]], rows: Iterable[str], hidden: bool = False) -> str:
    cells = "".join(f'<th scope="col" class="{kind}">{escape(title)}</th>' for title, kind in head)
    kind = ' class="hidden"' if hidden else ""
    return (
        f'<div class="scroll" tabindex="0" role="region" '
        f'aria-label="{escape(caption)}"><table><caption{kind}>{escape(caption)}</caption>'
        f"<thead><tr>{cells}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _findings(report: Report) -> tuple[str, str, str]:
    title = "Rows that cannot be right"
    if not report.findings:
        return "rows", title, "<p>None.</p>"
    body = (
        "<p>They are set aside: no feature and no label uses them, from the day on which it could be seen that they "
        "are wrong.</p>"
    )
    return "rows", title, body + "".join(_finding(f) for f in report.findings)


def _finding(finding: Finding) -> str:
    head = [("Row", "number"), ("What is wrong", "reason"), ("As it came", "")]
    shown = len(finding.examples)
    counted = _counted(finding.rows, "row") + (f", the first {shown} shown" if shown < finding.rows else "")
    name = f"{finding.table}: {finding.rule}"
    return _heading(name, counted) + _table(f"Rows of {name}", head, map(_example, finding.examples), hidden=True)


def _heading(text: str, count: str) -> str:
    return f'<h3>{escape(text)}</h3><p class="count">{escape(count)}</p>'


def _example(example: Example) -> str:
    row = "" if example.row is None else f"{example.row:,}"
    pairs = " ".join(
        f'<span class="pair"><span class="soft">{escape(name)}</span> {escape(value)}</span>' if name else escape(value)
        for name, value in row_pairs(example)
    )
    return (
        f'<tr><td class="number">{row}</td><td class="reason">{escape(example.reason)}</td>'
        f"<td><code>{pairs}</code></td></tr>"
    )


def _disagreements(report: Report) -> tuple[str, str, str]:
    title = "Tables that disagree"
    if not report.disagreements:
        return "disagree", title, "<p>None.</p>"
    body = "<p>One of two is wrong, and the tables cannot say which. Nothing of this is set aside.</p>"
    for d in report.disagreements:
        examples = "".join(f"<li><code>{escape(e)}</code></li>" for e in d.examples)
        title_of = f"{' and '.join(d.tables)}: {d.rule}"
        body += f"{_heading(title_of, d.says)}<p>{escape(d.meaning)}</p><ul>{examples}</ul>"
    return "disagree", title, body


def _leaks(report: Report) -> tuple[str, str, str]:
    title = "Possible leaks"
    if report.leaks is None:
        return "leaks", title, "<p>They were not looked for.</p>"
    body = f'<p class="soft">{escape(report.leaks.judged)}</p>'
    if not report.leaks.found:
        return "leaks", title, "<p>None found in what was looked at.</p>" + body
    for leak in report.leaks.found:
        body += f"{_heading(leak.where, leak.kind)}<p>{escape(leak.says)}</p><p>{escape(leak.meaning)}</p>"
    return "leaks", title, body


def _notes(report: Report) -> tuple[str, str, str]:
    title = "Worth knowing"
    items = [f"<li><strong>Warning:</strong> {escape(w)}</li>" for w in report.warnings]
    items += [f"<li>{escape(n)}</li>" for n in report.notes]
    return "notes", title, f"<ul>{''.join(items)}</ul>" if items else "<p>Nothing.</p>"
