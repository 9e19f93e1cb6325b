// Vega-Lite specification in, SVG text out, in this process: no browser, no canvas, no file, no network.
import type { Loader } from 'vega';
import type { TopLevelSpec } from 'vega-lite';
import { PerennialError } from '../../core/errors.ts';

/** Renders a specification that carries its data; one that asks for a file or an address is `INVALID_INPUT`, and gets nothing. */
export const renderSvg = async (spec: Readonly<Record<string, unknown>>): Promise<string> => {
  // Loaded here, so that a worker begins without them.
  const [{ parse, View }, { compile }] = await Promise.all([import('vega'), import('vega-lite')]);
  const asked: string[] = [];
  const vega = compile(spec as unknown as TopLevelSpec).spec;
  const view = new View(parse(vega), { renderer: 'none', loader: noLoader(asked) });
  try {
    const svg = await view.toSVG();
    // Vega draws on without data that it did not get, so the refusal has to be repeated here.
    if (asked.length === 0) return svg;
    const mend = 'Put the data into the specification';
    throw new PerennialError('INVALID_INPUT', 'A picture may load nothing', { field: 'url', value: asked[0], mend });
  } finally {
    view.finalize();
  }
};

/** A page's specification must not become a way to read files or addresses of the host. */
const noLoader = (asked: string[]): Loader => {
  const refuse = async (uri: string): Promise<never> => {
    asked.push(uri.slice(0, 200));
    throw new PerennialError('INVALID_INPUT', 'A picture may load nothing', { field: 'url', value: uri.slice(0, 200) });
  };
  return { load: refuse, sanitize: refuse, http: refuse, file: refuse };
};
