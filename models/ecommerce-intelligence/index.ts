// E-commerce intelligence: from a shop's events to who will buy, for the people who decide whom to write to.
import type { UseCase } from '../../core/use-case.ts';
import { customer, featureServices, featureViews } from './feature-views.ts';
import { lastVisit } from './folds/last-visit.ts';
import { pages } from './pages/index.ts';
import { propensity, repurchase } from './propensity.ts';
import { clickstream, invoices } from './sources.ts';
import { tables } from './tables.ts';

export const ecommerceIntelligence: UseCase = {
  name: 'ecommerce-intelligence',
  title: 'E-commerce intelligence',
  sources: [clickstream, invoices],
  tables,
  entities: [customer],
  featureViews,
  featureServices,
  folds: [lastVisit],
  models: [propensity, repurchase],
  pages,
  windows: {
    clickstream: { observationDays: 92, gapDays: 0, labelDays: 30, strideDays: 10, trainingCuts: 4 },
    invoices: { observationDays: 400, gapDays: 0, labelDays: 30, strideDays: 15, trainingCuts: 10 },
  },
};
