-- What: nothing; a validated check needs no reversal.
-- Loses data: no
-- Transaction: yes

select 1;
