// Drawings are made from what is in the specification, and from nothing else on this machine or the network.
import { describe, expect, it } from 'vitest';
import { renderSvg } from '../../../adapters/vega/render.ts';

const bars = (data: object) => ({
  data,
  mark: 'bar',
  encoding: { x: { field: 'a', type: 'nominal' }, y: { field: 'b', type: 'quantitative' } },
});

describe('renderSvg', () => {
  it('draws the data it is given', async () => {
    const svg = await renderSvg(
      bars({
        values: [
          { a: 'one', b: 1 },
          { a: 'two <b>', b: 2 },
        ],
      }),
    );
    expect(svg).toMatch(/^<svg/);
    expect(svg.match(/aria-roledescription="bar"/g)).toHaveLength(2);
    expect(svg).toContain('two &lt;b&gt;');
  });

  it.each(['file:///etc/passwd', '/etc/passwd', 'http://127.0.0.1:1/x.json'])('loads nothing from %s', async (url) => {
    await expect(renderSvg(bars({ url }))).rejects.toThrow('A picture may load nothing');
  });
});
