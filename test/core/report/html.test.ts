// The report document: findings first, everything escaped, nothing loaded from outside, tables behind the charts.
import { describe, expect, it } from 'vitest';
import { drawing, html } from '../../../core/report/escape.ts';
import { pageDocument, reportDocument } from '../../../core/report/html.ts';
import type { PublishedReport } from '../../../core/report/published.ts';
import { report } from '../../serving/fakes.ts';

const position = (text: string, part: string): number => {
  expect(text).toContain(part);
  return text.indexOf(part);
};

describe('reportDocument', () => {
  const text = reportDocument(report);

  it('opens with what was found, then for each page the headline, the charts, the rows', () => {
    const order = [
      '<h1>E-commerce &lt;intelligence&gt;</h1>',
      'What was found',
      '<section id="overview">',
      '<p class="headline">Revenue grew 12\u00a0% &amp; more.</p>',
      'A second finding.',
      '<figcaption>Revenue &quot;a day&quot;</figcaption>',
      '<svg><text>w</text></svg>',
      'The rows behind it',
      '<section id="customers">',
      '<footer>',
      'gold.rfm',
    ].map((part) => position(text, part));
    expect(order).toEqual([...order].sort((a, b) => a - b));
  });

  it('escapes what came with the data', () => {
    expect(text).not.toContain('<img');
    expect(text).toContain('&lt;img src=x onerror=alert(1)&gt;');
  });

  it('asks nothing of the network and runs no script', () => {
    expect(text).toContain('default-src &#39;none&#39;');
    expect(text).not.toMatch(/<script|<link|@import|https?:\/\/(?!www\.w3\.org)/);
  });

  it('says where there is nothing to draw', () => {
    expect(text).toContain('No rows to draw.');
  });

  it('shows the first rows of a long table and says how many there are', () => {
    const rows = Array.from({ length: 1_234 }, (_, n) => ({ n }));
    const [page] = report.pages;
    const long: PublishedReport = page ? { ...report, pages: [{ ...page, datasets: { daily: rows } }] } : report;
    expect(reportDocument(long)).toContain('(first 200 of 1,234)');
  });
});

describe('pageDocument', () => {
  it('holds one page and links to the others', () => {
    const text = pageDocument(report, 'customers') ?? '';
    expect(text).toContain('<a href="customers" aria-current="page">Customers</a>');
    expect(text).toContain('<a href="overview">Overview</a>');
    expect(text).not.toContain('Revenue grew');
    expect(pageDocument(report, 'nothing')).toBeUndefined();
  });
});

describe('html', () => {
  it('escapes text, keeps markup, flattens lists, drops what is not there', () => {
    const items = ['<a>', '"b"'].map((item) => html`<li title="${item}">${item}</li>`);
    expect(html`<ul>${items}${undefined}${false}${0}</ul>`.text).toBe(
      '<ul><li title="&lt;a&gt;">&lt;a&gt;</li><li title="&quot;b&quot;">&quot;b&quot;</li>0</ul>',
    );
  });

  it('gives equal drawings equal ids, and different ones in one document', () => {
    const text = (id: string) => `<clipPath id="${id}"/><g clip-path="url(#${id})"/>`;
    expect(drawing(text('clip41'), 'p').text).toBe('<clipPath id="p-1"/><g clip-path="url(#p-1)"/>');
    expect(drawing(text('clip99'), 'p').text).toBe(drawing(text('clip41'), 'p').text);
  });
});
