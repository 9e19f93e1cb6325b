// The catalogue: one line per use case, for everyone who takes a use case by name.
import type { UseCase } from '../core/use-case.ts';
import { ecommerceIntelligence } from './ecommerce-intelligence/index.ts';

export const useCases: readonly UseCase[] = [ecommerceIntelligence];
