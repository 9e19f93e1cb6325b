// A published report as one self-contained HTML file, or one of its pages: findings first, then charts, then the rows behind each.
import type { Row } from '../use-case.ts';
import { drawing, Html, html } from './escape.ts';
import type { PublishedChart, PublishedPage, PublishedReport } from './published.ts';
import { STYLE } from './style.ts';
import { figure } from './words.ts';

// Our own text, and `>` in it must stay as it is.
const styleSheet = new Html(STYLE);

/** Rows of a table that the document shows; the artifact keeps all. */
const SHOWN_ROWS = 200;

// Nothing may load, run or leave: whatever a file name or a product name contains, it stays text.
const POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/** The whole report in one file. */
export const reportDocument = (report: PublishedReport): string =>
  page(report, report.title, [
    html`<nav class="summary" aria-label="What was found"><h2>What was found</h2><ol>
      ${report.pages.map((p) => html`<li><a href="#${p.name}">${p.title}</a><span>${bound(p.findings[0])}</span></li>`)}
    </ol></nav>`,
    ...report.pages.map(section),
  ]);

/** One page of the report, with links to its neighbours; undefined if the report has no such page. */
export const pageDocument = (report: PublishedReport, name: string): string | undefined => {
  const chosen = report.pages.find((p) => p.name === name);
  if (!chosen) return undefined;
  const links = report.pages.map(
    (p) => html`<a href="${p.name}"${p.name === name ? html` aria-current="page"` : undefined}>${p.title}</a>`,
  );
  return page(report, `${chosen.title} · ${report.title}`, [
    html`<nav class="pages" aria-label="Pages">${links}</nav>`,
    section(chosen),
  ]);
};

const page = (report: PublishedReport, title: string, body: readonly Html[]): string =>
  html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<title>${title}</title>
<style>${styleSheet}</style>
</head>
<body>
<header><h1>${report.title}</h1>${facts(report)}</header>
<main>${body}</main>
<footer>${provenance(report)}</footer>
</body>
</html>
`.text;

const facts = ({ env, run, asOf, snapshot, facts: more }: PublishedReport): Html => {
  const all = [
    ...more,
    { label: 'Known until', value: asOf.slice(0, 10) },
    { label: 'Environment', value: env },
    { label: 'Lake snapshot', value: String(snapshot) },
    { label: 'Run', value: run },
  ];
  return html`<dl class="facts">${all.map((f) => html`<div><dt>${f.label}</dt><dd>${f.value}</dd></div>`)}</dl>`;
};

const section = (p: PublishedPage): Html => {
  const [headline, ...others] = p.findings;
  const drawn = new Set(p.charts.map(({ query }) => query));
  const undrawn = Object.entries(p.datasets).filter(([name, rows]) => !drawn.has(name) && rows.length > 0);
  return html`<section id="${p.name}">
<h2>${p.title}</h2><p class="question">${p.question}</p>
<p class="headline">${bound(headline)}</p>
${others.length > 0 && html`<ul class="findings">${others.map((finding) => html`<li>${bound(finding)}</li>`)}</ul>`}
<div class="charts">${p.charts.map((chart, at) => chartFigure(chart, p, `${p.name}-${at}`))}</div>
${undrawn.map(([name, rows]) => rowsBehind(name.replaceAll('_', ' '), rows))}
</section>`;
};

/** A number and its sign stay on one line. */
const bound = (sentence = ''): string => sentence.replace(/(\d) (?=[%×])/g, '$1\u00a0');

const chartFigure = ({ title, query, svg, full }: PublishedChart, p: PublishedPage, id: string): Html => {
  const rows = p.datasets[query] ?? [];
  const body = svg
    ? html`<div role="img" aria-label="${title}">
<div class="wide">${drawing(svg.wide, `${id}-w`)}</div><div class="narrow">${drawing(svg.narrow, `${id}-n`)}</div></div>`
    : html`<p class="none">No rows to draw.</p>`;
  return html`<figure${full && html` class="full"`}><figcaption>${title}</figcaption>${body}${
    rows.length > 0 && rowsBehind('The rows behind it', rows)
  }</figure>`;
};

const rowsBehind = (title: string, rows: readonly Row[]): Html => {
  const more = rows.length > SHOWN_ROWS ? ` (first ${SHOWN_ROWS} of ${figure(rows.length)})` : '';
  return html`<details><summary>${title}${more}</summary><div class="scroll">${table(rows.slice(0, SHOWN_ROWS))}</div></details>`;
};

const table = (rows: readonly Row[]): Html => {
  const columns = Object.keys(rows[0] ?? {});
  const numeric = new Set(columns.filter((c) => rows.every((r) => r[c] === null || typeof r[c] === 'number')));
  const align = (column: string) => numeric.has(column) && html` class="n"`;
  return html`<table><thead><tr>${columns.map((c) => html`<th${align(c)}>${c.replaceAll('_', ' ')}</th>`)}</tr></thead>
<tbody>${rows.map((row) => html`<tr>${columns.map((c) => html`<td${align(c)}>${cell(row[c])}</td>`)}</tr>`)}</tbody></table>`;
};

const cell = (value: Row[string] | undefined): string => {
  if (value === null || value === undefined) return '–';
  return typeof value === 'number' ? figure(value) : String(value);
};

const provenance = ({ pins }: PublishedReport): Html =>
  html`<p>Every figure was computed from the tables below, as they stood at the snapshot given; the same snapshots give the same report.</p>
${table(pins.map(({ table: name, snapshot }) => ({ table: name, snapshot: String(snapshot) })))}`;
