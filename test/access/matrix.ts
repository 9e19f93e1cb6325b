// The access matrix as people read it: who may do what, where. Spelled out by hand, independent of the code that grants it.

export const roles = ['dev_service', 'staging_service', 'prod_service', 'developer', 'admin', 'mlflow'] as const;
export type MatrixRole = (typeof roles)[number];

/** Letters of a cell, in this order; `-` is a refusal. Update touches what may change, rewrite what may not. */
export const verbs = ['select', 'insert', 'update', 'rewrite', 'delete', 'truncate'] as const;
export type Verb = (typeof verbs)[number];

/** The tables of each environment; `lake` stands for every table of DuckLake's catalog. */
export const tables = {
  dev: `
                         dev_service  staging_service  prod_service  developer  admin   mlflow
    migrations           s-----       ------           ------        s-----     s-----  ------
    registered_models    siu---       s-----           ------        siu---     siu---  ------
    model_versions       siu---       s-----           ------        siu---     siu---  ------
    aliases              siu---       s-----           ------        siu---     siu---  ------
    registry_events      si----       s-----           ------        si----     si----  ------
    promotions           siu---       s-----           ------        siu---     siu---  ------
    promotion_events     si----       s-----           ------        si----     si----  ------
    promotion_decisions  si----       s-----           ------        si----     si----  ------
    promotion_reminders  si----       s-----           ------        si----     si----  ------
    model_signatures     si----       s-----           ------        si----     si----  ------
    mlflow_shown         siu---       s-----           ------        siu---     siu---  ------
    mlflow_findings      si----       s-----           ------        si----     si----  ------
    data_tags            si----       s-----           ------        si----     si----  ------
    data_tag_tables      si----       s-----           ------        si----     si----  ------
    data_tag_events      si----       s-----           ------        si----     si----  ------
    upkeep_events        si----       ------           ------        si----     si----  ------
    feature_views        siu---       s-----           ------        siu---     siu---  ------
    online_features      siur--       ------           ------        siur--     siur--  ------
    online_generations   siu---       ------           ------        siu---     siu---  ------
    online_watermarks    siur--       ------           ------        siur--     siur--  ------
    precomputed_sets     si--d-       ------           ------        si--d-     si--d-  ------
    precomputed_answers  siurd-       ------           ------        siurd-     siurd-  ------
    score_jobs           siurd-       ------           ------        siurd-     siurd-  ------
    score_job_chunks     siur--       ------           ------        siur--     siur--  ------
    predictions          siu-d-       ------           ------        siu-d-     siu-d-  ------
    prediction_flushes   si--d-       ------           ------        si--d-     si--d-  ------
    published_reports    siur--       ------           ------        siur--     siur--  ------
    api_keys             siu---       ------           ------        siu---     siu---  ------
    refresh_tokens       siu-d-       ------           ------        siu-d-     siu-d-  ------
    issued_tokens        si----       ------           ------        si----     si----  ------
    rate_limits          siurd-       ------           ------        siurd-     siurd-  ------
    audit_log            s-----       ------           ------        s-----     s-----  ------
    audit_reads          si----       ------           ------        si----     si----  ------
    audit_read_expiries  si----       ------           ------        si----     si----  ------
    steps                siu---       ------           ------        siu---     siu---  ------
    lake                 siurdt       ------           ------        siurd-     siurd-  ------`,
  staging: `
                         dev_service  staging_service  prod_service  developer  admin   mlflow
    migrations           ------       s-----           ------        s-----     s-----  ------
    registered_models    ------       siu---           s-----        s-----     siu---  ------
    model_versions       ------       siu---           s-----        s-----     siu---  ------
    aliases              ------       siu---           s-----        s-----     siu---  ------
    registry_events      ------       si----           s-----        s-----     si----  ------
    promotions           ------       siu---           s-----        s-----     siu---  ------
    promotion_events     ------       si----           s-----        s-----     si----  ------
    promotion_decisions  ------       si----           s-----        s-----     si----  ------
    promotion_reminders  ------       si----           s-----        s-----     si----  ------
    model_signatures     ------       si----           s-----        s-----     si----  ------
    mlflow_shown         ------       siu---           s-----        s-----     siu---  ------
    mlflow_findings      ------       si----           s-----        s-----     si----  ------
    data_tags            ------       si----           s-----        s-----     si----  ------
    data_tag_tables      ------       si----           s-----        s-----     si----  ------
    data_tag_events      ------       si----           s-----        s-----     si----  ------
    upkeep_events        ------       si----           ------        s-----     si----  ------
    feature_views        ------       siu---           s-----        s-----     siu---  ------
    online_features      ------       siur--           ------        s-----     siur--  ------
    online_generations   ------       siu---           ------        s-----     siu---  ------
    online_watermarks    ------       siur--           ------        s-----     siur--  ------
    precomputed_sets     ------       si--d-           ------        s-----     si--d-  ------
    precomputed_answers  ------       siurd-           ------        s-----     siurd-  ------
    score_jobs           ------       siurd-           ------        s-----     siurd-  ------
    score_job_chunks     ------       siur--           ------        s-----     siur--  ------
    predictions          ------       siu-d-           ------        s-----     siu-d-  ------
    prediction_flushes   ------       si--d-           ------        s-----     si--d-  ------
    published_reports    ------       siur--           ------        s-----     siur--  ------
    api_keys             ------       siu---           ------        ------     siu---  ------
    refresh_tokens       ------       siu-d-           ------        ------     siu-d-  ------
    issued_tokens        ------       si----           ------        s-----     si----  ------
    rate_limits          ------       siurd-           ------        ------     siurd-  ------
    audit_log            ------       s-----           ------        s-----     s-----  ------
    audit_reads          ------       si----           ------        s-----     si----  ------
    audit_read_expiries  ------       si----           ------        s-----     si----  ------
    steps                ------       siu---           ------        s-----     siu---  ------
    lake                 ------       siurdt           ------        s-----     siurd-  ------`,
  prod: `
                         dev_service  staging_service  prod_service  developer  admin   mlflow
    migrations           ------       ------           s-----        ------     s-----  ------
    registered_models    ------       ------           siu---        s-----     s-----  ------
    model_versions       ------       ------           siu---        s-----     s-----  ------
    aliases              ------       ------           siu---        s-----     s-----  ------
    registry_events      ------       ------           si----        s-----     s-----  ------
    promotions           ------       ------           siu---        s-----     s-----  ------
    promotion_events     ------       ------           si----        s-----     s-----  ------
    promotion_decisions  ------       ------           si----        s-----     s-----  ------
    promotion_reminders  ------       ------           si----        s-----     s-----  ------
    model_signatures     ------       ------           si----        s-----     s-----  ------
    mlflow_shown         ------       ------           siu---        s-----     s-----  ------
    mlflow_findings      ------       ------           si----        s-----     s-----  ------
    data_tags            ------       ------           si----        s-----     s-----  ------
    data_tag_tables      ------       ------           si----        s-----     s-----  ------
    data_tag_events      ------       ------           si----        s-----     s-----  ------
    upkeep_events        ------       ------           si----        ------     s-----  ------
    feature_views        ------       ------           siu---        s-----     s-----  ------
    online_features      ------       ------           siur--        ------     s-----  ------
    online_generations   ------       ------           siu---        ------     s-----  ------
    online_watermarks    ------       ------           siur--        ------     s-----  ------
    precomputed_sets     ------       ------           si--d-        ------     s-----  ------
    precomputed_answers  ------       ------           siurd-        ------     s-----  ------
    score_jobs           ------       ------           siurd-        ------     s-----  ------
    score_job_chunks     ------       ------           siur--        ------     s-----  ------
    predictions          ------       ------           siu-d-        ------     s-----  ------
    prediction_flushes   ------       ------           si--d-        ------     s-----  ------
    published_reports    ------       ------           siur--        ------     s-----  ------
    api_keys             ------       ------           siu---        ------     ------  ------
    refresh_tokens       ------       ------           siu-d-        ------     ------  ------
    issued_tokens        ------       ------           si----        ------     s-----  ------
    rate_limits          ------       ------           siurd-        ------     ------  ------
    audit_log            ------       ------           s-----        ------     s-----  ------
    audit_reads          ------       ------           si----        ------     s-----  ------
    audit_read_expiries  ------       ------           si----        ------     s-----  ------
    steps                ------       ------           siu---        ------     s-----  ------
    lake                 ------       ------           siurdt        ------     s-----  ------`,
} as const;

/** Everything else in the database; the statement of each stands in statements.ts. */
export const deeds = `
                                    dev_service  staging_service  prod_service  developer  admin  mlflow
    connect to perennial            yes          yes              yes           yes        yes    -
    connect to mlflow               -            -                -             -          -      yes
    connect to postgres             -            -                -             -          -      -
    connect to template1            -            -                -             -          -      -
    look into dev                   yes          yes              -             yes        yes    -
    look into staging               -            yes              yes           yes        yes    -
    look into prod                  -            -                yes           yes        yes    -
    look into lake_dev              yes          -                -             yes        yes    -
    look into lake_staging          -            yes              -             yes        yes    -
    look into lake_prod             -            -                yes           -          yes    -
    make a table in dev             -            -                -             -          -      -
    make a table in staging         -            -                -             -          -      -
    make a table in prod            -            -                -             -          -      -
    make a table in lake_dev        yes          -                -             -          -      -
    make a table in lake_staging    -            yes              -             -          -      -
    make a table in lake_prod       -            -                yes           -          -      -
    make a table in public          -            -                -             -          -      -
    make a temporary table          -            -                -             -          -      -
    make a schema                   -            -                -             -          -      -
    make a database                 -            -                -             -          -      -
    make a role                     -            -                -             -          -      -
    become dev_service              yes          -                -             -          -      -
    become staging_service          -            yes              -             -          -      -
    become prod_service             -            -                yes           -          -      -
    become developer                -            -                -             yes        -      -
    become admin                    -            -                -             -          yes    -
    become mlflow                   -            -                -             -          -      -
    become the owner                -            -                -             -          -      -
    change its own powers           -            -                -             -          -      -
    drop dev.aliases                -            -                -             -          -      -
    drop staging.aliases            -            -                -             -          -      -
    drop prod.aliases               -            -                -             -          -      -
    loosen dev.aliases              -            -                -             -          -      -
    loosen staging.aliases          -            -                -             -          -      -
    loosen prod.aliases             -            -                -             -          -      -
    switch triggers off             -            -                -             -          -      -
    read a file of the server       -            -                -             -          -      -
    run a program on the server     -            -                -             -          -      -
    read the password hashes        -            -                -             -          -      -
    hear notices                    yes          yes              yes           yes        yes    -
    take an advisory lock           yes          yes              yes           yes        yes    -`;

/** The lake through the program (DuckLake on DuckDB). */
export const lake = `
                             dev_service  staging_service  prod_service  developer  admin  mlflow
    dev: read                yes          -                -             yes        yes    -
    dev: read as it stood    yes          -                -             yes        yes    -
    dev: write               yes          -                -             yes        yes    -
    staging: read            -            yes              -             yes        yes    -
    staging: read as it stood -           yes              -             yes        yes    -
    staging: write           -            yes              -             -          yes    -
    prod: read               -            -                yes           -          yes    -
    prod: read as it stood   -            -                yes           -          yes    -
    prod: write              -            -                yes           -          -      -`;

/** The registry, the online store and the reports through the program's own methods. */
export const program = `
                             dev_service  staging_service  prod_service  developer  admin  mlflow
    dev: champion            yes          yes              -             yes        yes    -
    dev: versions            yes          yes              -             yes        yes    -
    dev: events              yes          yes              -             yes        yes    -
    dev: register            yes          -                -             yes        yes    -
    dev: move alias          yes          -                -             yes        yes    -
    dev: note MLflow         yes          -                -             yes        yes    -
    dev: read features       yes          -                -             yes        yes    -
    dev: write features      yes          -                -             yes        yes    -
    dev: read report         yes          -                -             yes        yes    -
    dev: publish report      yes          -                -             yes        yes    -
    staging: champion        -            yes              yes           yes        yes    -
    staging: versions        -            yes              yes           yes        yes    -
    staging: events          -            yes              yes           yes        yes    -
    staging: register        -            yes              -             -          yes    -
    staging: move alias      -            yes              -             -          yes    -
    staging: note MLflow     -            yes              -             -          yes    -
    staging: read features   -            yes              -             yes        yes    -
    staging: write features  -            yes              -             -          yes    -
    staging: read report     -            yes              -             yes        yes    -
    staging: publish report  -            yes              -             -          yes    -
    prod: champion           -            -                yes           yes        yes    -
    prod: versions           -            -                yes           yes        yes    -
    prod: events             -            -                yes           yes        yes    -
    prod: register           -            -                yes           -          -      -
    prod: move alias         -            -                yes           -          -      -
    prod: note MLflow        -            -                yes           -          -      -
    prod: read features      -            -                yes           -          yes    -
    prod: write features     -            -                yes           -          -      -
    prod: read report        -            -                yes           -          yes    -
    prod: publish report     -            -                yes           -          -      -`;

export interface Row {
  readonly name: string;
  readonly cells: Readonly<Record<MatrixRole, string>>;
}

/** The rows of a table above: a name that may have spaces, then one word a role. */
export const rowsOf = (text: string): readonly Row[] => {
  const [heading = '', ...lines] = text.split('\n').filter((line) => line.trim() !== '');
  const columns = heading.trim().split(/\s+/);
  return lines.map((line) => {
    const words = line.trim().split(/\s+/);
    const cells = words.splice(-columns.length);
    const entries = columns.map((column, i) => [column, cells[i] ?? '']);
    return { name: words.join(' '), cells: Object.fromEntries(entries) as Row['cells'] };
  });
};
