// What Fastify knows of access: every route's policy, and who asks. Imported for its types by whoever adds a route or reads the principal.
import type { ApiPolicy, Principal } from '../../core/api-policy.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Who may use the route, by `core/api-policy.ts`. Without one it answers 403. */
    policy?: ApiPolicy;
  }
  interface FastifyRequest {
    /** Who asks, once the gate let the request in; before that, and for addresses that do not exist, nobody known. */
    principal: Principal;
  }
  interface FastifyInstance {
    /** Every route of the app with the policy it names, for whoever holds them to it. */
    readonly guarded: readonly GuardedRoute[];
  }
}

export interface GuardedRoute {
  readonly method: string;
  readonly url: string;
  readonly policy: ApiPolicy | undefined;
}

export const NOBODY: Principal = Object.freeze({ id: 'nobody', roles: Object.freeze([]), kind: 'anonymous' });
