// Fair, because it is what the documentation of both packages leads to: a JSON schema checks the body
// and makes the answer (ajv and fast-json-stringify), `pg` sends one prepared statement from its pool,
// and logging is off. One process, as the documentation starts it; the other processor is busy with
// PostgreSQL. The pool is given in POOL; `pg` by itself would open 10 connections.
import Fastify from "fastify";
import pg from "pg";

// Host, port, user and database come from PGHOST and so on.
const pool = new pg.Pool({ max: Number(process.env.POOL ?? 10) });
// Without this an idle connection that breaks ends the process; the documentation says to have it.
pool.on("error", (error) => console.error(error.message));

const app = Fastify({ logger: false });

const text = (maxLength) => ({ type: "string", minLength: 1, maxLength });
const record = {
  type: "object",
  required: ["actor_id", "actor_type", "action", "target_type", "target_id"],
  additionalProperties: false,
  properties: {
    actor_id: text(500),
    actor_type: { enum: ["user", "system", "api_key"] },
    action: text(100),
    target_type: text(50),
    target_id: text(500),
    metadata: { type: "object", default: {} },
    ip_address: { anyOf: [{ type: "string", format: "ipv4" }, { type: "string", format: "ipv6" }] },
    user_agent: text(1024),
    tenant_id: text(200),
    request_id: text(200),
  },
};
const created = { type: "object", properties: { id: { type: "string" } } };

app.post(
  "/audit-logs",
  { schema: { body: record, response: { 201: created } } },
  async (request, reply) => {
    const r = request.body;
    const { rows } = await pool.query({
      name: "insert-audit-log",
      text: `insert into control_plane.audit_logs
               (actor_id, actor_type, action, target_type, target_id, metadata, ip_address,
                user_agent, tenant_id, request_id)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
             returning id`,
      values: [
        r.actor_id, r.actor_type, r.action, r.target_type, r.target_id, r.metadata, r.ip_address,
        r.user_agent, r.tenant_id, r.request_id,
      ],
    });
    reply.code(201);
    return rows[0];
  },
);

app.get("/audit-logs", async () => {
  const { rows } = await pool.query({
    name: "newest-audit-logs",
    text: `select id, actor_id, actor_type, action, target_type, target_id, metadata, ip_address,
                  user_agent, created_at, tenant_id, request_id
             from control_plane.audit_logs
            order by created_at desc, id desc
            limit 100`,
  });
  return { data: rows };
});

await app.listen({ host: "127.0.0.1", port: Number(process.env.PORT) });
