"""How the page looks: in light and in dark, on paper, and on a narrow screen."""

_LIGHT = """--ink:#1d2733; --soft:#566576; --paper:#fbfaf7; --card:#fff; --line:#e3e0d8; --bar:#3f7cac;
  --error:#b3261e; --warning:#8a5d00; --info:#3b6ea5; --good:#1f7a4d;"""
_DARK = """--ink:#e8ecef; --soft:#9aa7b4; --paper:#15191e; --card:#1d232a; --line:#2f3842; --bar:#6aa7d6;
  --error:#ff8a80; --warning:#e3b341; --info:#8ab4e8; --good:#67c99a;"""

STYLE = f"""
:root {{ color-scheme: light dark; {_LIGHT} }}
@media screen and (prefers-color-scheme: dark) {{ :root {{ {_DARK} }} }}
* {{ box-sizing:border-box }}
body {{ margin:0; background:var(--paper); color:var(--ink); font:16px/1.5 system-ui, sans-serif;
  overflow-wrap:anywhere }}
main {{ max-width:64rem; margin:0 auto; padding:2rem 1.25rem 4rem }}
p {{ margin:0 }} ul, ol {{ list-style:none; margin:0; padding:0 }}
code {{ font:0.875em/1.4 ui-monospace, monospace }}
a {{ color:inherit }}
:focus-visible {{ outline:2px solid var(--bar); outline-offset:2px; border-radius:0.25rem }}
header {{ border-left:0.5rem solid; padding:0.25rem 0 0.25rem 1.25rem; margin-bottom:1.5rem }}
header.good {{ border-color:var(--good) }} header.fair {{ border-color:var(--warning) }}
header.bad {{ border-color:var(--error) }}
h1 {{ margin:0.1rem 0 0.6rem; font-size:2rem; line-height:1.2 }} h2 {{ margin:0; font-size:1.3rem }}
h3 {{ margin:1.25rem 0 0.25rem; font-size:1rem }} h4 {{ margin:0 0 0.25rem; font-size:0.875rem }}
.source, .digest, .facts, .totals, footer, small, .asides {{ color:var(--soft) }}
.digest {{ font:0.8rem ui-monospace, monospace }} .totals {{ margin:1.25rem 0 0.5rem }}
.counts, .marks {{ display:flex; gap:0.4rem; flex-wrap:wrap }}
.badge {{ display:inline-block; padding:0.05rem 0.55rem; border:1px solid; border-radius:1rem; font-size:0.8rem;
  line-height:1.4; white-space:nowrap }} .badge.none {{ color:var(--soft) }}
.badge.error {{ color:var(--error) }} .badge.warning {{ color:var(--warning) }} .badge.info {{ color:var(--info) }}
.badge.good {{ color:var(--good) }} .badge.none {{ color:var(--soft) }}
nav {{ margin-bottom:1.5rem }} nav ul {{ display:flex; flex-wrap:wrap; gap:0.4rem 1.5rem }}
nav li {{ display:flex; gap:0.4rem; align-items:center }}
section {{ background:var(--card); border:1px solid var(--line); border-radius:0.75rem; padding:1.25rem;
  margin-bottom:1.5rem; scroll-margin-top:1rem }}
.layers > li {{ border-top:1px solid var(--line) }}
summary {{ cursor:pointer }}
summary.layer {{ display:grid; grid-template-columns:1.25rem 1.75rem 8rem 5.5rem 1fr auto; gap:0.75rem;
  align-items:center; padding:0.5rem 0.25rem }}
summary::before {{ content:"▸"; color:var(--soft); display:inline-block;
  width:1rem }}
details[open] > summary::before {{ content:"▾" }}
summary::marker {{ content:"" }} summary::-webkit-details-marker {{ display:none }}
summary:hover {{ background:color-mix(in srgb, var(--bar) 8%, transparent) }}
.number {{ color:var(--soft); text-align:right }} .size {{ text-align:right; font-variant-numeric:tabular-nums }}
.bar {{ height:0.9rem; background:var(--line); border-radius:0.2rem; overflow:hidden }}
.bar i {{ display:block; height:100%; background:var(--bar) }}
.step {{ overflow:hidden; text-overflow:ellipsis; white-space:nowrap }}
details[open] .step {{ white-space:normal }}
.inside {{ padding:0 0.25rem 1rem 4.75rem }} .facts {{ font-size:0.85rem }}
.changes {{ display:grid; grid-template-columns:repeat(auto-fit, minmax(14rem, 1fr)); gap:1rem; margin-top:0.75rem }}
.changes ul {{ font-size:0.875rem }}
.findings {{ margin-top:0.5rem }}
.findings > li {{ padding:0.4rem 0 0.4rem 0.9rem; border-left:3px solid; margin-bottom:0.6rem; break-inside:avoid }}
.findings > li.error {{ border-color:var(--error) }} .findings > li.warning {{ border-color:var(--warning) }}
.remedy {{ color:var(--soft); font-size:0.9rem }} .remedy::before {{ content:"→ " }}
.asides {{ margin-top:0.75rem; font-size:0.875rem }} .asides li {{ margin:0.15rem 0 0 1rem }}
.asides b {{ color:var(--ink); font-weight:600 }}
footer {{ font-size:0.85rem }}
@media (max-width:44rem) {{
  main {{ padding:1rem 0.75rem 2rem }} section {{ padding:0.9rem }} h1 {{ font-size:1.6rem }}
  summary.layer {{ grid-template-columns:1rem 1.25rem 1fr 5rem; gap:0.5rem }}
  .step, .marks {{ grid-column:2 / -1 }} .marks:empty {{ display:none }}
  .inside {{ padding-left:2.25rem }}
}}
@media print {{
  body {{ background:#fff; font-size:11pt }} main {{ max-width:none; padding:0 }}
  section {{ border:0; padding:0; border-top:1px solid var(--line); border-radius:0; padding-top:0.75rem }}
  details::details-content {{ content-visibility:visible; display:block }}
  summary::before {{ display:none !important }} .step {{ white-space:normal }}
  .bar, .bar i {{ print-color-adjust:exact }} nav {{ display:none }}
  summary.layer {{ grid-template-columns:1.75rem 6rem 5.5rem 1fr auto }} .inside {{ padding-left:2rem }}
}}
"""
