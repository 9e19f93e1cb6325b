// A small shop in DuckDB's memory with the gold tables that pages read, for tests of publishing and materialising.
import { DuckDb } from '../../adapters/duckdb/session.ts';
import type { Evaluation } from '../../core/model-package.ts';

const TABLES = [
  `create table gold.fact_daily_kpis as select 'clickstream' as source, date '2025-01-01' + i::int as event_date, (900 + 300 * sin(i / 7.0) + i * 4)::bigint as events,
     (200 + 60 * sin(i / 7.0) + i)::bigint as active_users, (20 + 8 * sin(i / 7.0) + i / 10)::bigint as orders, (30 + i / 5)::bigint as items,
     ((20 + 8 * sin(i / 7.0) + i / 10)::bigint * (40 + i % 5))::decimal(18, 2) as revenue, 0::decimal(18, 2) as returned, (40 + i % 5)::decimal(18, 2) as average_order_value
   from range(120) t(i)`,
  `create table gold.funnel_daily as select 'clickstream' as source, date '2025-01-01' + i::int as session_date, 1000::bigint as sessions_with_view, (1000 + i)::bigint as reached_view,
     (180 + i)::bigint as reached_cart, (60 + i % 30)::bigint as reached_purchase from range(120) t(i)`,
  `create table gold.rfm as select i as user_id, (i * 37 % 900 + 10)::decimal(18, 2) * case when i % 5 = 0 then 9 else 1 end as monetary,
     case when i % 5 = 0 then 'Champions' when i % 7 = 0 then 'Can''t Lose Them' when i % 3 = 0 then 'Lost' when i % 2 = 0 then 'Loyal' else 'Regular' end as segment from range(2000) t(i)`,
  `create table gold.cohort_retention as select 'month' as period, date '2025-01-01' + to_months(c::int) as cohort, p::int as periods_since, (900 - c * 40)::bigint as cohort_users,
     ((900 - c * 40) * (case when p = 0 then 1 else 0.42 / p + c * 0.01 end))::bigint as users, 10::bigint as buyers,
     case when p = 0 then 1 else 0.42 / p + c * 0.01 end::double as retention from range(12) a(c), range(12) b(p) where c + p < 12`,
  `create table gold.dim_products as select 'clickstream' as source, i::varchar as product_id, null::varchar as product_name,
     case when i = 3 then '<script>alert(1)</script>' else 'brand ' || i end as brand, 'electronics.audio.headphone' as category_code, true as is_current from range(1, 30) t(i)`,
  `create table gold.product_affinity as select 'clickstream' as source, a::varchar as product_a, b::varchar as product_b, (5 + a)::bigint as support, 0.2 + a / 100 as confidence,
     (30.0 / a + b / 10) as lift from range(1, 9) x(a), range(1, 9) y(b) where a <> b`,
  `create table bronze.files as select 'clickstream' as source, 1000::bigint as rows_in, (1000 - i % 7)::bigint as loaded, (i % 7)::bigint as quarantined, 'loaded' as status,
     [date '2025-01-01' + i::int] as days from range(120) t(i)`,
  `create table bronze.quarantine as select 'clickstream' as source, case when i % 3 = 0 then 'price' else 'event_time' end as column_name,
     case when i % 3 = 0 then 'below 0' when i % 3 = 1 then 'not a date: <b>yesterday</b>' else 'missing' end as reason from range(354) t(i)`,
  `create table silver.row_accounting as select 'clickstream' as source, 119646::bigint as loaded, 119000::bigint as events, 0::bigint as returns, 646::bigint as repeats,
     0::bigint as without_customer, 0::bigint as adjustments, 0::bigint as without_price`,
];

/** A session that holds the shop; close it. */
export const openShop = async (tempDirectory: string): Promise<DuckDb> => {
  const db = await DuckDb.open({ threads: 2, memoryLimit: '512MB', tempDirectory });
  for (const layer of ['bronze', 'silver', 'gold', 'features']) await db.run(`create schema ${layer}`);
  for (const table of TABLES) await db.run(table);
  return db;
};

const curves = (strength: number, calibrated: boolean): Evaluation['curves'] => {
  const steps = Array.from({ length: 41 }, (_, at) => at / 40);
  return {
    roc: steps.map((x) => ({ falsePositiveRate: x, truePositiveRate: x ** (1 / strength) })),
    gain: steps.map((share) => ({ share, gain: share ** (1 / strength) })),
    lift: steps.slice(1).map((share) => ({ share, lift: share ** (1 / strength) / share })),
    calibration: calibrated
      ? Array.from({ length: 10 }, (_, at) => {
          const p = 0.02 + at * 0.05;
          return { predicted: p, observed: p * 1.04, rows: 500, low: p * 0.9, high: p * 1.2 };
        })
      : [],
  };
};

/** An evaluation with a model between its baseline and its ceiling. */
export const evaluation: Evaluation = {
  test: { cut: '2025-04-01', rows: 5_000, positives: 410 },
  figures: {
    roc_auc: { value: 0.781, low: 0.762, high: 0.799 },
    lift_at_5: { value: 3.12, low: 2.71, high: 3.55 },
    recall_at_10: { value: 0.34 },
    brier: { value: 0.0691 },
  },
  curves: curves(2.6, true),
  baseline: {
    name: 'recency and frequency',
    figures: { roc_auc: { value: 0.702 }, lift_at_5: { value: 2.2 } },
    curves: curves(1.8, false),
  },
  oracle: { figures: { roc_auc: { value: 0.788 } }, curves: curves(2.8, false) },
  importance: ['recency_days', 'total_carts', 'rfm_score', 'total_views', 'tenure_days'].map((feature, at) => ({
    feature,
    gain: 100 / (at + 1),
    splits: 90 - at * 10,
  })),
  shap: [{ feature: 'recency_days', meanAbsolute: 0.41, direction: -0.8 }],
};
