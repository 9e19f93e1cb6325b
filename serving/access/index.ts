// All that stands between the world and the routes, put together: how answers travel, who is let in, and where tokens come from.
import type { FastifyInstance } from 'fastify';
import { type Gate, guard } from './gate.ts';
import { oauthRoutes, type TokenService } from './oauth.ts';
import { carry, type Transport } from './transport.ts';

export interface Access {
  readonly gate: Gate;
  readonly transport: Transport;
  readonly tokens: TokenService;
}

/** Register it before any route. */
export const controlAccess = async (app: FastifyInstance, { gate, transport, tokens }: Access): Promise<void> => {
  await carry(app, transport);
  guard(app, gate);
  await app.register(async (routes) => oauthRoutes(routes, tokens));
};
