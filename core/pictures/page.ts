// One self-contained HTML page with all pictures of a version, for MLflow's viewer and for people who download it.
import { drawing, Html, html } from '../report/escape.ts';

const STYLE = new Html(
  `body{font:15px/1.5 Helvetica,Arial,sans-serif;margin:24px;color:#222}main{display:grid;grid-template-columns:repeat(auto-fill,minmax(460px,1fr));gap:24px}
  figure{margin:0}svg{max-width:100%;height:auto}`,
);

/** `svgs` by name, rendered by us; every other text is escaped. */
export const picturesPage = (title: string, svgs: ReadonlyMap<string, string>): string =>
  html`<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${title}</title><style>${STYLE}</style></head>
<body><h1>${title}</h1><main>${[...svgs].map(([name, svg]) => html`<figure>${drawing(svg, name)}</figure>`)}</main></body></html>
`.toString();
