// What is bought together: pairs of products whose baskets overlap more than chance would have it.
import { counted, numberIn, percent, textIn } from '../../../core/report/words.ts';
import type { Page, Row } from '../../../core/use-case.ts';

const findings = ({ affinities = [] }: Readonly<Record<string, readonly Row[]>>): readonly string[] => {
  const [top] = affinities;
  if (!top) return ['No two products are bought together often enough to speak of an affinity.'];
  const a = textIn(top, 'first');
  const b = textIn(top, 'second');
  return [
    `${counted(numberIn(top, 'pairs_in_all'), 'pair')} of products are bought together more often than chance, up to ${numberIn(top, 'lift').toFixed(0)} times.`,
    `The strongest is ${a} with ${b}: ${percent(numberIn(top, 'confidence'))} of the baskets with the first hold the second (${counted(numberIn(top, 'support'), 'basket')}).`,
  ];
};

export const products: Page = {
  name: 'products',
  title: 'Bought together',
  question: 'Which products sell one another?',
  queries: {
    affinities: `with names as (
        select product_id, coalesce(product_name, nullif(concat_ws(' ', brand, split_part(category_code, '.', -1)), ''), 'product')
          || ' (' || product_id || ')' as name
        from gold.dim_products where source = getvariable('source') and is_current)
      select a.name || ' + ' || b.name as pair, a.name as first, b.name as second,
        support::double as support, confidence::double as confidence, lift::double as lift, (count(*) over ())::double as pairs_in_all
      from gold.product_affinity p join names a on a.product_id = p.product_a join names b on b.product_id = p.product_b
      where p.source = getvariable('source') and p.product_a < p.product_b
      order by lift desc, support desc, p.product_a, p.product_b limit 15`,
  },
  findings,
  charts: [
    {
      title: 'How many times likelier than chance (the 15 strongest pairs, baskets beside them)',
      query: 'affinities',
      spec: {
        usermeta: { span: 'full', rows: { field: 'pair', step: 28 } },
        transform: [
          {
            calculate:
              "format(datum.lift, '.1f') + ' ×  ' + datum.pair + '  ·  ' + format(datum.support, ',.0f') + ' baskets'",
            as: 'label',
          },
        ],
        encoding: {
          y: { field: 'pair', type: 'nominal', sort: null, axis: null },
          x: { field: 'lift', type: 'quantitative', axis: null, scale: { domainMin: 0 } },
        },
        layer: [
          { mark: { type: 'bar', opacity: 0.3, height: { band: 0.82 } } },
          {
            mark: { type: 'text', align: 'left', dx: 6, fontSize: 12, limit: { expr: 'width - 12' } },
            encoding: { text: { field: 'label' }, x: { datum: 0 } },
          },
        ],
      },
    },
  ],
};
