// The schedules of every environment, checked. For the worker, which brings Temporal in line with them, and for the command line.
import type { EnvironmentName } from '../../core/access.ts';
import { parseSchedules, type Schedule } from '../../core/schedule.ts';
import { dev } from './dev.ts';
import { prod } from './prod.ts';
import { staging } from './staging.ts';

const files = { dev, staging, prod } satisfies Record<EnvironmentName, readonly Schedule[]>;

/** @throws PerennialError INVALID_INPUT that names the schedule at fault. */
export const schedulesOf = (name: EnvironmentName): readonly Schedule[] => parseSchedules(files[name]);
