-- Adds :partitions closed partitions of equal spans of the year that fill.sql fills, named as the program names them.
do $$
declare
    start constant bigint := extract(epoch from timestamptz '2025-10-01 00:00:00Z') * 1000;
    span constant bigint := 366 * 86400000::bigint / :partitions;
    bounds text[];
    name text;
begin
    for number in 0 .. :partitions - 1 loop
        bounds := array(
            select substr(hex, 1, 8) || '-' || substr(hex, 9, 4) || '-0000-0000-000000000000'
              from unnest(array[number, number + 1]) with ordinality as n (n, place),
                   lpad(to_hex(start + n * span), 12, '0') as hex
             order by place);
        name := 'audit_logs_t' || lpad(to_hex(start + number * span), 12, '0');
        execute format('create table control_plane.%I (like control_plane.audit_logs including all excluding indexes)',
                       name);
        execute format('alter table control_plane.audit_logs attach partition control_plane.%I for values from (%L) to (%L)',
                       name, bounds[1], bounds[2]);
    end loop;
end $$;
