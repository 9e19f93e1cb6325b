-- What "now" means for a view's rows online: a row that describes a moment more than the view's TTL before this one speaks no longer.

alter table online_generations add column newest timestamptz; -- newest moment that a materialisation (of a fold: a push) described

update online_generations
set newest = (select max(event_time) from online_features where online_features.view = online_generations.view);
