// The pages of e-commerce intelligence, in the order in which a reader should meet them.
import type { Page } from '../../../core/use-case.ts';
import { customers } from './customers.ts';
import { funnel } from './funnel.ts';
import { model } from './model.ts';
import { overview } from './overview.ts';
import { products } from './products.ts';
import { quality } from './quality.ts';

export const pages: readonly Page[] = [overview, funnel, customers, products, model, quality];
