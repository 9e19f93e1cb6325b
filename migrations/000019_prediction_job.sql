-- Which of the noted answers a scoring job asked for, and which a request. Runs with search_path = the environment's schema.

alter table predictions add column job uuid; -- null: a request
