// The style sheet of reports and live pages: light and dark, wide, 390 px and print; no external request.

const LIGHT = `
  --page: #f6f5f2; --card: #ffffff; --ink: #1b1b1a; --muted: #6b6a66; --grid: #e4e2dc; --line: #dedcd5;
  --c1: #2a6fdb; --c2: #d9622b; --c3: #178a63; --c4: #8a5bd0; --c5: #b88a00;`;
const DARK = `
  --page: #141413; --card: #1e1e1c; --ink: #f1f0ec; --muted: #a3a19a; --grid: #34332f; --line: #34332f;
  --c1: #6aa5ff; --c2: #f08a55; --c3: #3fc596; --c4: #b592f0; --c5: #e0b33a;`;

export const STYLE = `
:root { color-scheme: light dark; ${LIGHT} }
@media (prefers-color-scheme: dark) { :root { ${DARK} } }
* { box-sizing: border-box }
html { scroll-behavior: smooth; -webkit-text-size-adjust: 100% }
body { margin: 0; background: var(--page); color: var(--ink); font: 16px/1.55 system-ui, -apple-system, "Segoe UI", sans-serif }
main, header, footer { max-width: 1136px; margin: 0 auto; padding: 0 16px }
header { padding-top: 48px }
h1 { font-size: clamp(1.7rem, 4vw, 2.5rem); line-height: 1.15; letter-spacing: -.02em; margin: 0 0 8px; text-wrap: balance }
.facts { display: flex; flex-wrap: wrap; gap: 2px 20px; margin: 0 0 28px; color: var(--muted); font-size: .875rem }
.facts div { display: flex; gap: 6px } .facts dt::after { content: ":" } .facts dd { margin: 0; color: var(--ink); overflow-wrap: anywhere }
nav.summary { background: var(--card); border: 1px solid var(--line); border-radius: 14px; padding: 20px 24px; margin-bottom: 16px }
nav.summary h2 { font-size: .8rem; text-transform: uppercase; letter-spacing: .08em; color: var(--muted); margin: 0 0 8px; font-weight: 600 }
nav.summary ol { list-style: none; margin: 0; padding: 0 }
nav.summary li { display: grid; grid-template-columns: 13rem 1fr; gap: 0 16px; padding: 8px 0; border-top: 1px solid var(--grid) }
nav.summary li:first-child { border-top: 0 }
a { color: var(--c1); text-decoration: none } a:hover { text-decoration: underline }
a[aria-current] { color: var(--ink); font-weight: 600 }
nav.pages { display: flex; flex-wrap: wrap; gap: 4px 20px; margin-bottom: 8px }
section { padding: 40px 0 8px; scroll-margin-top: 8px }
.question { color: var(--muted); font-size: .95rem; margin: 0 0 4px }
section h2 { font-size: .8rem; text-transform: uppercase; letter-spacing: .08em; color: var(--c1); margin: 0 0 2px; font-weight: 600 }
.headline { font-size: clamp(1.25rem, 2.6vw, 1.6rem); line-height: 1.3; letter-spacing: -.01em; font-weight: 600; margin: 0 0 12px; max-width: 46ch; text-wrap: pretty }
ul.findings { margin: 0 0 20px; padding-left: 1.1em; max-width: 78ch } ul.findings li { margin: 2px 0 }
.charts { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 16px }
figure { margin: 0; background: var(--card); border: 1px solid var(--line); border-radius: 14px; padding: 16px 18px; min-width: 0; break-inside: avoid }
figure.full { grid-column: 1 / -1 }
figcaption { font-weight: 600; font-size: .95rem; margin-bottom: 10px }
figure svg { display: block; max-width: 100%; height: auto } .narrow { display: none }
.none { color: var(--muted); margin: 8px 0 }
details { margin-top: 10px; font-size: .875rem } summary { cursor: pointer; color: var(--muted); width: fit-content }
.scroll { overflow: auto; max-height: 420px; margin-top: 8px }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums }
th, td { text-align: left; padding: 5px 12px 5px 0; border-bottom: 1px solid var(--grid); vertical-align: top }
th { color: var(--muted); font-weight: 600; position: sticky; top: 0; background: var(--card); white-space: nowrap }
td.n, th.n { text-align: right }
footer { padding: 40px 16px 56px; color: var(--muted); font-size: .875rem } footer table { max-width: 480px } footer th { background: var(--page) }
@media (max-width: 720px) {
  header { padding-top: 28px } .charts { grid-template-columns: minmax(0, 1fr) } .wide { display: none } .narrow { display: block }
  nav.summary { padding: 16px } nav.summary li { grid-template-columns: 1fr } figure { padding: 14px 16px }
}
@media print {
  :root { ${LIGHT} --page: #fff } body { font-size: 11pt } header { padding-top: 0 } section { padding-top: 20px }
  .charts { grid-template-columns: repeat(2, minmax(0, 1fr)) } .wide { display: block } .narrow, details { display: none }
  figure, nav.summary { border-color: #ccc } h2, .headline { break-after: avoid }
}
`;
