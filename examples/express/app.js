// An Express application whose changes are recorded.
import { AuditrailClient, Policy, Recorder } from "@auditrail/client";
import { auditrail } from "@auditrail/client/express";
import express from "express";

const recorder = await Recorder.open({ client: new AuditrailClient(), spoolDir: "audit-spool" });
const policy = Policy.load("audit.toml");
const actor = (request) => request.user && { actor: { type: "user", id: request.user.id } };
const audit = auditrail({ recorder, policy, actor });

const app = express();
app.use(express.json());
app.use((request, response, next) => {
  // In place of your authentication.
  const id = request.get("x-user");
  request.user = id && { id };
  next();
});
app.use(audit); // after body parsers and authentication, before the routes
app.delete("/projects/:id", (request, response) => {
  response.sendStatus(request.user ? 204 : 401);
});
app.use(audit.errors); // after the routes

const server = app.listen(process.env.PORT ?? 3000, "127.0.0.1", () => {
  console.log(`listening on http://127.0.0.1:${server.address().port}`);
});
process.once("SIGTERM", () => {
  server.close(async () => {
    await audit.settled();
    await recorder.close();
  });
});
