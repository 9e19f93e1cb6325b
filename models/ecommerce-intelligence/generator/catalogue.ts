// SQL for the planted catalogue: categories, tastes, products with brand and price, and the price list of the moment.
import { categories, pools, tasteSlots } from './categories.ts';
import { salt, uniform, word } from './draws.ts';
import { EVENT_TYPES } from './population.ts';

/** Share of products without a brand. */
const BRANDLESS = 0.38;
/** Exponent of popularity inside a category: product = size × u^SKEW, so its share falls as rank^(1/SKEW - 1). */
export const SKEW = 2.2;

const BRANDS =
  'samsung apple xiaomi huawei bosch lucente lg acer elenberg artel lenovo hp cordiant sony redmond dauscher oppo nokia casio vitek starline polaris asus respect philips pioneer vivo sokolov janome indesit stels yokohama oasis beko brw luminarc tefal karcher force panasonic midea scarlett rieker jvc electrolux ariston haier texet bars makita braun canon logitech jbl'.split(
    ' ',
  );

/** Creates `categories`, `taste` and `products`. `products.partner` is the complement, in the same half and rank. */
export const catalogueSql = (seed: number, products: number): string[] => {
  const laid = pools(products);
  const rows = categories().map((c) => {
    const pool = laid[c.index] ?? { start: 0, size: 0 };
    const code = c.code === null ? 'null' : `'${c.code}'`;
    return `(${c.index}, ${code}, ${c.price}::double, ${pool.start}, ${pool.size})`;
  });
  const taste = tasteSlots().flatMap((row, type) => row.map((slots, category) => `(${type}, ${category}, ${slots})`));
  const codes = categories().flatMap((c) => (c.code === null ? [] : [c.code]));
  return [
    enumSql('brand_name', BRANDS),
    enumSql('event_type', EVENT_TYPES),
    enumSql('category_code', codes),
    `create table categories as select * replace (code::category_code as code) from (values ${rows.join(', ')}) v(category, code, price, pool, size)`,
    `create table taste as select type::tinyint as type, category::smallint as category,
       (sum(slots) over (partition by type order by category) - slots + unnest(range(slots)))::integer as slot
     from (values ${taste.join(', ')}) v(type, category, slots)`,
    productsSql(seed),
  ];
};

/** Few-valued text is an ENUM: a byte to sort, and its dictionary is ready when a file is written. */
export const enumSql = (name: string, values: readonly string[]): string =>
  `create type ${name} as enum (${values.map((value) => `'${value}'`).join(', ')})`;

const productsSql = (seed: number): string => {
  const brands = `[${BRANDS.map((b) => `'${b}'`).join(', ')}]`;
  const key = `hash(xor(hash(item), ${salt(`product ${seed}`)}))`;
  const brand = `${brands}[1 + ((category * 5 + dear * 2 + ${word('key', 'brand')} % 4) % ${BRANDS.length})::integer]`;
  return `create table products as
    with laid as (
      select *, pool + unnest(range(2 * size)) as item from categories
    ), keyed as (
      select *, ${key} as key, ((item - pool) >= size)::integer as dear from laid
    )
    select item::integer as item, key, dear::tinyint as dear, category::smallint as category,
      (item + (case category % 2 when 0 then 2 * size else -2 * size end))::integer as partner,
      (1000000 + item * 121 + key % 121)::integer as product_id,
      2053013552000000000 + category * 7777777777 as category_id, code as category_code,
      case when ${uniform('key', 'brandless')} < ${BRANDLESS} then null else (${brand})::brand_name end as brand,
      price * (case dear when 1 then 1.9 else 0.7 end) * exp(0.5 * (${uniform('key', 'price')} - 0.5)) as base_price
    from keyed order by item`;
};

/** The price list of a four-week period, with prices moved a little product by product, and lifted after the drift date. */
export const priceListSql = (period: number, drifted: boolean): string => {
  const move = `[0.94, 1.0, 1.0, 1.06][1 + (${word('key', 'price period', period)} % 4)::integer]`;
  return `create or replace temp table price_list as
    select item, product_id, category_id, category_code, brand,
      greatest(0.5, round(base_price * ${move} * ${drifted ? 1.2 : 1}, 2))::decimal(12, 2) as price
    from products order by item`;
};
