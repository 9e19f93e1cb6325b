// Promotions that reach the last step together: nobody moves the alias before everybody stands at the line. For the test with six rivals and
// the campaign with fifty.
import { Context } from '@temporalio/activity';
import type { PromotionResult } from '../../core/promotion/messages.ts';
import { startPromotion, until, type World } from './world.ts';

/** Promotes each of the versions into staging at once; the ends in the order of the versions. A version may stand there more than once. */
export const raceInto = async (
  world: World,
  name: string,
  versions: readonly number[],
): Promise<readonly PromotionResult[]> => {
  const arrived = new Set<string>();
  // A slow machine may think that whoever waits here is lost: so it says that it is not.
  const all = () =>
    until(async () => {
      Context.current().heartbeat();
      return arrived.size === versions.length ? true : undefined;
    });
  const stop = await world.host('staging', {
    activities: ({ moveChampion }) => ({
      moveChampion: async (request) => {
        arrived.add(request.request.attempt);
        await all();
        return moveChampion(request);
      },
    }),
  });
  const ends = await Promise.all(
    versions.map(async (version, i) =>
      (await startPromotion(world.at.staging, `promote/${name}/${i}`, { version })).result(),
    ),
  );
  await stop();
  return ends;
};
