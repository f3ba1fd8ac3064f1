"""Style of the printed quarter: nothing in; the page's style sheet for A4 and for a screen out."""

from __future__ import annotations

__all__ = ["BLUE", "GRID", "INK", "ORANGE", "PALE", "QUIET", "STYLE"]

INK, QUIET, GRID, PALE = "#1f2933", "#5b6774", "#e1e5e9", "#c3cad2"
BLUE, ORANGE = "#0b6e99", "#d9822b"
"""They stay apart for every kind of colour vision, and in grey. Orange is what takes revenue away."""

_SANS = '"Helvetica Neue", Helvetica, Arial, "Segoe UI", "Liberation Sans", "DejaVu Sans Condensed", sans-serif'

STYLE = f"""
:root {{ color-scheme: light; --ink: {INK}; --soft: {QUIET}; --line: {GRID}; --edge: {PALE}; --wash: #f5f7f8;
  --blue: {BLUE}; --orange: {ORANGE}; --gold: #8f4f00; }}
* {{ box-sizing: border-box; }}
html {{ background: #eceff1; }}
body {{ font: 9pt/1.42 {_SANS};
  color: var(--ink); margin: 0; print-color-adjust: exact; -webkit-print-color-adjust: exact; }}
.sheet {{ background: #fff; width: 210mm; max-width: 100%; min-height: 297mm; margin: 6mm auto;
  padding: 14mm 15mm 16mm; }}
h1 {{ font-size: 19pt; line-height: 1.15; font-weight: 700; letter-spacing: -.012em; margin: 0; }}
h2 {{ font-size: 16pt; line-height: 1.2; font-weight: 700; letter-spacing: -.008em; margin: 0; }}
h3 {{ font-size: 10pt; line-height: 1.3; font-weight: 700; margin: 4.2mm 0 1mm; break-after: avoid; }}
p {{ margin: 0 0 1.2mm; orphans: 3; widows: 3; text-wrap: pretty; }}
a {{ color: inherit; text-decoration: none; }}
.over {{ color: var(--soft); font-size: 8pt; letter-spacing: .06em; text-transform: uppercase; margin: 0 0 1mm; }}
.soft {{ color: var(--soft); }}
.axis {{ display: flex; justify-content: space-between; font-weight: 400; }}
.small {{ font-size: 8pt; line-height: 1.38; }}
.head {{ border-bottom: 1.6pt solid var(--ink); padding-bottom: 3mm; margin-bottom: 4mm; }}
.head p {{ margin: 1mm 0 0; }}
.lead {{ font-size: 11pt; line-height: 1.42; margin: 0 0 3.5mm; }}
.lead strong, .num {{ font-variant-numeric: tabular-nums; }}
.warn {{ border-left: 2.4pt solid var(--edge); background: var(--wash); padding: 1.6mm 3mm; margin: 0 0 3.5mm; }}
.warn.odd {{ border-color: var(--orange); background: #fdf6ed; }}
.warn p {{ margin: 0; }} .warn p + p {{ margin-top: .7mm; }}
.said {{ border-left: 2.4pt solid var(--edge); padding: .4mm 3mm; margin: 3mm 0; break-inside: avoid; }}
.said p:last-child {{ margin: 0; }}
.tiles {{ display: grid; grid-template-columns: repeat(4, 1fr); gap: 3mm; margin: 0 0 2.5mm; }}
.tile {{ border-top: 1pt solid var(--ink); padding-top: 1.2mm; break-inside: avoid; }}
.tile .name {{ font-size: 8pt; color: var(--soft); line-height: 1.3; }}
.tile .value {{ font-size: 19pt; line-height: 1.2; font-weight: 700; letter-spacing: -.015em;
  font-variant-numeric: tabular-nums; }}
.tile .value.none {{ font-size: 11pt; font-weight: 400; line-height: 1.6; color: var(--soft); }}
.tile .made {{ font-size: 8pt; line-height: 1.35; font-variant-numeric: tabular-nums; }}
.panels {{ display: grid; grid-template-columns: 1.35fr 1fr 1fr; gap: 5mm; }}
.panel, figure {{ break-inside: avoid; }}
figure {{ margin: 0; }}
figure svg, .panel svg {{ display: block; width: 100%; height: auto; }}
figcaption, .caption {{ font-size: 8pt; line-height: 1.35; color: var(--soft); margin: .6mm 0 0; }}
svg text {{ font-family: inherit; }}
sup {{ font-size: .62em; line-height: 0; vertical-align: super; font-weight: 400; color: var(--soft);
  margin-left: .12em; letter-spacing: 0; }}
table {{ border-collapse: collapse; width: 100%; font-size: 8.4pt; line-height: 1.34; margin: 0; }}
thead {{ display: table-header-group; }}
th, td {{ text-align: left; vertical-align: top; padding: 1.15mm 2mm 1.15mm 0; border-bottom: .5pt solid var(--line); }}
thead th {{ font-weight: 600; color: var(--soft); font-size: 7.6pt; line-height: 1.25; vertical-align: bottom;
  border-bottom: .8pt solid var(--ink); }}
tbody th {{ font-weight: 600; }}
tr {{ break-inside: avoid; }}
.n {{ text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }}
th.n:last-child, td.n:last-child {{ padding-right: 0; }}
td .range {{ display: block; color: var(--soft); font-size: 7.4pt; }}
.bar {{ padding-right: 2mm; vertical-align: middle; }}
.bar svg {{ display: block; height: auto; width: 100%; }}
table.fixed {{ table-layout: fixed; }}
tr.total td, tr.total th {{ border-top: .8pt solid var(--ink); border-bottom: 0; font-weight: 600; }}
tr.total .range {{ font-weight: 400; }}
.code {{ font-weight: 400; color: var(--soft); }}
.better {{ color: var(--blue); font-weight: 700; }}
.worse {{ color: var(--gold); font-weight: 700; }}
.verdict {{ font-size: 10.5pt; line-height: 1.42; margin: 0 0 3mm; }}
.pairs {{ display: grid; grid-template-columns: repeat(3, 1fr); gap: 0 6mm; font-size: 8pt; line-height: 1.3;
  margin-top: 2mm; }}
h3 + .pairs {{ margin-top: 0; }}
.pair {{ display: flex; justify-content: space-between; align-items: baseline; gap: 2mm; padding: .75mm 0;
  border-bottom: .5pt solid var(--line); break-inside: avoid; }}
.pair strong {{ white-space: nowrap; font-variant-numeric: tabular-nums; }}
.lists {{ display: grid; grid-template-columns: repeat(auto-fit, minmax(50mm, 1fr)); gap: 0 6mm; }}
.split {{ columns: 2; column-gap: 8mm; }}
.split > * {{ break-inside: avoid; }}
.dense {{ font-size: 7.9pt; line-height: 1.26; }}
.dense th, .dense td {{ padding-top: .7mm; padding-bottom: .7mm; }}
.two {{ display: grid; grid-template-columns: 1.25fr 1fr; gap: 7mm; align-items: start; }}
.two > * > h3:first-child, .columns h3 {{ margin-top: 0; }}
ul {{ margin: 0; padding-left: 3.6mm; }}
li {{ margin: 0 0 .7mm; }}
.notes {{ list-style: none; margin: 0; padding: 0; columns: 2; column-gap: 8mm; font-size: 7.6pt; line-height: 1.38; }}
.notes li {{ break-inside: avoid; margin: 0 0 1.5mm; padding-left: 6mm; position: relative; }}
.notes .no {{ position: absolute; left: 0; width: 4.6mm; text-align: right; color: var(--soft);
  font-variant-numeric: tabular-nums; }}
.foot {{ margin-top: 4mm; border-top: .5pt solid var(--line); padding-top: 1.6mm; font-size: 7.6pt;
  color: var(--soft); }}
@page {{ size: A4; margin: 13mm 15mm 15mm;
  @bottom-left {{ content: "Tenure"; font: 7.5pt {_SANS}; color: {QUIET}; }}
  @bottom-right {{ content: "Page " counter(page) " of " counter(pages); font: 7.5pt {_SANS}; color: {QUIET}; }} }}
@media print {{ html {{ background: none; }}
  .sheet {{ width: auto; min-height: 0; margin: 0; padding: 0; break-after: page; }}
  .sheet:last-of-type {{ break-after: auto; }} }}
@media screen and (max-width: 60rem) {{ .sheet {{ padding: 1.2rem; margin: 0 0 1rem; min-height: 0; overflow-x: auto; }}
  .tiles {{ grid-template-columns: repeat(2, 1fr); }} .panels, .two, .lists, .pairs {{ grid-template-columns: 1fr; }}
  .panel svg {{ max-width: 20rem; }} }}
"""
