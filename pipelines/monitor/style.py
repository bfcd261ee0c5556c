"""The look of the page: light, dark and on paper, with nothing loaded from anywhere."""

__all__ = ["STYLE"]

STYLE = """
:root { color-scheme: light dark;
  --ground: #fff; --ink: #1c2430; --soft: #5b6675; --line: #dde2e8; --band: #f4f6f8;
  --bar: #4c78a8; --then: #9aa7b5; --bad: #b42318; --bad-ground: #fdecea; --good: #1e7b44;
  --good-ground: #e9f6ee; }
@media (prefers-color-scheme: dark) { :root {
  --ground: #14181d; --ink: #e6eaef; --soft: #9aa5b1; --line: #2d353e; --band: #1c2229;
  --bar: #7aa7d8; --then: #66727f; --bad: #ff8a7a; --bad-ground: #3a1d1a; --good: #6fd093;
  --good-ground: #16301f; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem; max-width: 70rem; background: var(--ground);
  color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; margin: 0 0 .25rem; } h2 { font-size: 1.3rem; margin: 2.5rem 0 .5rem;
  border-top: 2px solid var(--line); padding-top: 1rem; } h3 { font-size: 1.05rem;
  margin: 1.5rem 0 .4rem; }
p { margin: .4rem 0; max-width: 60rem; } .soft { color: var(--soft); }
.verdict { padding: .6rem 1rem; border-radius: .4rem; font-weight: 600; margin: 1rem 0; }
.verdict.crossed { background: var(--bad-ground); color: var(--bad); }
.verdict.fine { background: var(--good-ground); color: var(--good); }
.wide { overflow-x: auto; }
table { border-collapse: collapse; margin: .5rem 0 1rem; font-variant-numeric: tabular-nums;
  font-size: .9rem; } caption { text-align: left; color: var(--soft); padding: .2rem 0; }
th, td { padding: .2rem .7rem .2rem 0; text-align: left; border-bottom: 1px solid var(--line);
  vertical-align: top; } th { font-weight: 600; } td.n, th.n { text-align: right;
  white-space: nowrap; }
tr.crossed td { color: var(--bad); font-weight: 600; } tr.not_judged td { color: var(--soft); }
svg { display: block; max-width: 100%; height: auto; margin: .5rem 0; } svg text {
  font: 12px system-ui, sans-serif; fill: var(--ink); } svg .soft { fill: var(--soft); }
svg .bar { fill: var(--bar); } svg .then { fill: var(--then); } svg .crossed { fill: var(--bad); }
svg .not_judged { fill: var(--then); } svg line { stroke: var(--soft); } svg .whisker {
  stroke: var(--ink); stroke-width: 1.5; } svg .limit { stroke: var(--bad);
  stroke-dasharray: 4 3; }
summary { cursor: pointer; color: var(--soft); }
@media print { :root { color-scheme: light; --ground: #fff; --ink: #000; --soft: #444;
  --line: #bbb; } body { max-width: none; padding: 0; font-size: 11px; }
  details::details-content { content-visibility: visible; block-size: auto; }
  tr, svg, .verdict { break-inside: avoid; } h2, h3 { break-after: avoid; } }
"""
