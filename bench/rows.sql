-- How long a statement takes by itself, for `cargo xtask bench rows`: in milliseconds, the mean of so many
-- in one transaction. The statement knows the number of the turn as n.
create function bench.timed(statement text, times integer) returns double precision
    language plpgsql as $timed$
declare
    began constant timestamptz := clock_timestamp();
begin
    execute format('do $do$ begin for n in 1..%s loop %s; end loop; end $do$', times, statement);
    return extract(epoch from clock_timestamp() - began) * 1000 / times;
end
$timed$;
