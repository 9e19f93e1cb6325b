-- Generations of a view's online rows: each transaction that changes rows gives their view a new one. A copy that is kept outside
-- Postgres under the generation that was known before the rows were read can never be taken for what came later.

create table online_generations (
  view       text primary key,
  generation uuid not null default gen_random_uuid() -- never the same twice, in whatever state the database was brought back
);

insert into online_generations (view) select distinct view from online_features;
