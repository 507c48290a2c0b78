"""How the page looks, in light and in dark."""

STYLE = """
:root { color-scheme: light dark; --ink:#1d2733; --soft:#5b6b7c; --paper:#fbfaf7; --card:#fff; --line:#e3e0d8;
  --bar:#3f7cac; --error:#b3261e; --warning:#9a6700; --info:#3b6ea5; --good:#1f7a4d; --bad:#b3261e; --fair:#9a6700; }
@media (prefers-color-scheme: dark) { :root { --ink:#e8ecef; --soft:#9aa7b4; --paper:#15191e; --card:#1d232a;
  --line:#2f3842; --bar:#6aa7d6; --error:#ff8a80; --warning:#e3b341; --info:#8ab4e8; --good:#67c99a; --bad:#ff8a80;
  --fair:#e3b341; } }
* { box-sizing:border-box }
body { margin:0; background:var(--paper); color:var(--ink); font:16px/1.5 system-ui, sans-serif }
main { max-width:62rem; margin:0 auto; padding:2rem 1.25rem 4rem }
code { font:0.875em/1.4 ui-monospace, monospace; overflow-wrap:anywhere }
header { border-left:0.5rem solid; padding:0.25rem 0 0.25rem 1.25rem; margin-bottom:2rem }
header.good { border-color:var(--good) } header.fair { border-color:var(--fair) } header.bad { border-color:var(--bad) }
h1 { margin:0.1rem 0 0.6rem; font-size:2rem; line-height:1.2 } h2 { margin:0; font-size:1.3rem }
h3 { margin:1.5rem 0 0.5rem; font-size:1rem } h4 { margin:0 0 0.25rem; font-size:0.875rem }
.source, .digest, .facts, .totals, footer, small { color:var(--soft) }
.source { margin:0 } .digest { margin:0 0 1rem; font:0.8rem ui-monospace, monospace; overflow-wrap:anywhere }
.counts { margin:0; display:flex; gap:0.5rem; flex-wrap:wrap }
.badge { display:inline-block; padding:0.05rem 0.55rem; border:1px solid; border-radius:1rem; font-size:0.8rem;
  white-space:nowrap } .badge.none { color:var(--soft) }
.error { color:var(--error) } .warning { color:var(--warning) } .info { color:var(--info) }
section { background:var(--card); border:1px solid var(--line); border-radius:0.75rem; padding:1.25rem;
  margin-bottom:1.5rem }
ol.layers, ul.findings { list-style:none; margin:0; padding:0 }
.layers > li { border-top:1px solid var(--line) }
summary { display:grid; grid-template-columns:1.75rem 9rem 5.5rem 1fr auto; gap:0.75rem; align-items:center;
  padding:0.5rem 0.25rem; cursor:pointer } summary:hover { background:color-mix(in srgb, var(--bar) 8%, transparent) }
.number { color:var(--soft); text-align:right } .size { text-align:right; font-variant-numeric:tabular-nums }
.bar { height:0.9rem; background:var(--line); border-radius:0.2rem; overflow:hidden }
.bar i { display:block; height:100%; background:var(--bar) }
.step { overflow:hidden; text-overflow:ellipsis; white-space:nowrap }
details[open] .step { white-space:normal }
.facts { margin:0.25rem 0 0.75rem 2.5rem; font-size:0.85rem; overflow-wrap:anywhere }
.changes { display:grid; grid-template-columns:repeat(auto-fit, minmax(15rem, 1fr)); gap:1rem; margin:0 0 1rem 2.5rem }
.changes ul { margin:0; padding:0; list-style:none; font-size:0.875rem }
.findings { margin-left:2.5rem } section > .findings { margin-left:0 }
.findings li { padding:0.5rem 0; border-top:1px dotted var(--line) } .findings p { margin:0.2rem 0 0 }
.remedy { color:var(--soft); font-size:0.9rem } .remedy::before { content:"→ " }
footer { font-size:0.85rem }
@media (max-width:40rem) { summary { grid-template-columns:1.5rem 1fr 5rem auto } .step { grid-column:1 / -1 }
  .changes, .facts, .findings { margin-left:0 } }
"""
