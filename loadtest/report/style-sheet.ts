/** How the page looks, by day and by night. Series have the same six colours in tables, legends and charts. */
export const styleSheet = `
:root { color-scheme: light dark; --back: #fff; --text: #1d2430; --quiet: #64707f; --rule: #e3e7ec; --panel: #f7f8fa;
  --met: #1f7a43; --missed: #b3261e; --unable: #8a5a00;
  --s0: #2767ae; --s1: #d0602a; --s2: #2f8a5b; --s3: #8650a6; --s4: #a47a12; --s5: #bb3d63; }
@media (prefers-color-scheme: dark) { :root { --back: #14181f; --text: #e4e8ee; --quiet: #98a4b3; --rule: #2b323d; --panel: #1b2029;
  --met: #54c07f; --missed: #f0776f; --unable: #dba544;
  --s0: #6aa7e8; --s1: #ef8f5c; --s2: #5fbf8c; --s3: #bd8ede; --s4: #d4ab4a; --s5: #e87b9c; } }
body { margin: 0; background: var(--back); color: var(--text); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 1180px; margin: 0 auto; padding: 24px 20px 60px; }
h1 { font-size: 24px; margin: 8px 0 16px; } h2 { font-size: 20px; margin: 0 0 4px; } h3 { font-size: 15px; margin: 20px 0 6px; }
section { border-top: 1px solid var(--rule); margin-top: 32px; padding-top: 24px; }
p { margin: 0 0 8px; max-width: 75ch; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 2px 18px; margin: 0 0 20px; }
dt, .quiet { color: var(--quiet); } dd { margin: 0; overflow-wrap: anywhere; }
.quiet { font-size: 13px; } .problem { color: var(--unable); font-weight: 600; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: 5px 14px 5px 0; border-bottom: 1px solid var(--rule); vertical-align: top; }
th { font-weight: 600; color: var(--quiet); font-size: 13px; } .number { text-align: right; white-space: nowrap; }
.wide { overflow-x: auto; } .contents td:first-child { white-space: nowrap; } a { color: var(--s0); }
.badge { display: inline-block; font-size: 12px; font-weight: 600; line-height: 1.4; padding: 1px 9px; border-radius: 10px;
  border: 1px solid currentColor; white-space: nowrap; vertical-align: middle; }
.badge.met { color: var(--met); } .badge.missed { color: var(--missed); } .badge.unable { color: var(--unable); }
code { font-size: 13px; overflow-wrap: anywhere; } ul { margin: 0; padding-left: 20px; }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 360px), 1fr)); gap: 16px; margin-top: 18px; }
figure { margin: 0; padding: 12px 14px; background: var(--panel); border-radius: 8px; } figcaption { font-weight: 600; font-size: 13px; }
svg { width: 100%; height: auto; display: block; margin-top: 4px; } .tick { font: 12px system-ui, sans-serif; fill: var(--quiet); } .lane { font-size: 10px; }
.grid { stroke: var(--rule); } .line { fill: none; stroke-width: 2; stroke-linejoin: round; } .area { opacity: .15; }
.legend { display: flex; flex-wrap: wrap; gap: 2px 16px; font-size: 13px; color: var(--quiet); }
.swatch { display: inline-block; width: 10px; height: 10px; border-radius: 3px; margin-right: 6px; }
${[0, 1, 2, 3, 4, 5].map((index) => `.s${index} { --series: var(--s${index}); }`).join(' ')}
.line { stroke: var(--series); } .area, .dot, .bar { fill: var(--series); } .swatch { background: var(--series); }
@media print { figure { break-inside: avoid; } }
`;
