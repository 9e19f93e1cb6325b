// Who may ask what over HTTP, as people read it: one row a route, spelled out by hand, independent of the table that is enforced.

export const askers = ['nobody', 'in-dev', 'viewer', 'analyst', 'scientist', 'approver', 'admin'] as const;
export type Asker = (typeof askers)[number];

/** `nobody` has no credentials in staging or prod, `in-dev` has none in dev. `/health` and the tokens' own addresses are open to all. */
export const matrix = `
                                                        nobody  in-dev  viewer  analyst  scientist  approver  admin
    GET  /health                                        yes     yes     yes     yes      yes        yes       yes
    GET  /v2                                            yes     yes     yes     yes      yes        yes       yes
    GET  /v2/health/live                                yes     yes     yes     yes      yes        yes       yes
    GET  /v2/health/ready                               yes     yes     yes     yes      yes        yes       yes
    GET  /.well-known/jwks.json                         yes     yes     yes     yes      yes        yes       yes
    POST /oauth/token                                   yes     yes     yes     yes      yes        yes       yes
    GET  /openapi.json                                  -       yes     yes     yes      yes        yes       yes
    GET  /metrics                                       -       yes     yes     yes      yes        yes       yes
    GET  /models                                        -       yes     yes     yes      yes        yes       yes
    GET  /v2/models/:model                              -       yes     yes     yes      yes        yes       yes
    GET  /v2/models/:model/ready                        -       yes     yes     yes      yes        yes       yes
    GET  /v2/models/:model/versions/:version            -       yes     yes     yes      yes        yes       yes
    GET  /v2/models/:model/versions/:version/ready      -       yes     yes     yes      yes        yes       yes
    GET  /:env/:useCase                                 -       yes     yes     yes      yes        yes       yes
    GET  /:env/:useCase/:page                           -       yes     yes     yes      yes        yes       yes
    POST /predict                                       -       yes     -       yes      yes        -         yes
    GET  /predict/:model/:entity                        -       yes     -       yes      yes        -         yes
    GET  /predict/:model/top                            -       yes     -       yes      yes        -         yes
    POST /v2/models/:model/infer                        -       yes     -       yes      yes        -         yes
    POST /v2/models/:model/versions/:version/infer      -       yes     -       yes      yes        -         yes
    POST /explain                                       -       yes     -       yes      yes        yes       yes
    GET  /predictions/:id                               -       yes     -       yes      yes        yes       yes
    GET  /features/:view/:entity                        -       yes     -       yes      yes        -         yes
    POST /features/:view/push                           -       yes     -       -        yes        -         yes
    POST /predict/batch                                 -       yes     -       -        yes        -         yes
    POST /jobs/score                                    -       yes     -       -        yes        -         yes
    GET  /jobs/:id                                      -       yes     -       -        yes        -         yes
    GET  /jobs/:id/results                              -       yes     -       -        yes        -         yes
    DELETE /jobs/:id                                    -       yes     -       -        yes        -         yes
    GET  /audit                                         -       -       -       -        -          yes       yes
    GET  /audit/reads                                   -       -       -       -        -          yes       yes
    GET  /audit/verify                                  -       -       -       -        -          yes       yes
    GET  /api-keys                                      -       -       -       -        -          -         yes
    POST /api-keys                                      -       -       -       -        -          -         yes
    DELETE /api-keys/:id                                -       -       -       -        -          -         yes`;

export interface Cell {
  readonly method: string;
  readonly route: string;
  readonly asker: Asker;
  readonly allowed: boolean;
}

export const cells = (): readonly Cell[] =>
  matrix
    .trim()
    .split('\n')
    .slice(1)
    .flatMap((line) => {
      const [method = '', route = '', ...words] = line.trim().split(/\s+/);
      return askers.map((asker, i) => ({ method, route, asker, allowed: words[i] === 'yes' }));
    });
