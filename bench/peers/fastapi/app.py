"""One INSERT for each request with FastAPI and asyncpg.

Fair, because it is what the documentation of both leads to: pydantic checks the body, asyncpg's pool
sends one prepared statement, and granian with uvloop serves it from two processes. The pool is given
in POOL for both together; asyncpg by itself would open 10 connections in each.
"""

import json
import os
from contextlib import asynccontextmanager
from ipaddress import IPv4Address, IPv6Address
from typing import Annotated, Any, Literal
from uuid import UUID

import asyncpg
from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field

INSERT = """
    insert into control_plane.audit_logs
        (actor_id, actor_type, action, target_type, target_id, metadata, ip_address, user_agent,
         tenant_id, request_id)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
    returning id
"""


class Record(BaseModel):
    model_config = ConfigDict(extra="forbid")

    actor_id: Annotated[str, Field(min_length=1, max_length=500)]
    actor_type: Literal["user", "system", "api_key"]
    action: Annotated[str, Field(min_length=1, max_length=100)]
    target_type: Annotated[str, Field(min_length=1, max_length=50)]
    target_id: Annotated[str, Field(min_length=1, max_length=500)]
    metadata: dict[str, Any] = {}
    ip_address: IPv4Address | IPv6Address | None = None
    user_agent: Annotated[str, Field(max_length=1024)] | None = None
    tenant_id: Annotated[str, Field(max_length=200)] | None = None
    request_id: Annotated[str, Field(max_length=200)] | None = None


class Created(BaseModel):
    id: UUID


async def prepare(connection: asyncpg.Connection) -> None:
    await connection.set_type_codec(
        "jsonb", encoder=json.dumps, decoder=json.loads, schema="pg_catalog"
    )


@asynccontextmanager
async def lifespan(app: FastAPI):
    # Host, port, user and database come from PGHOST and so on.
    size = max(1, int(os.environ.get("POOL", "20")) // 2)
    async with asyncpg.create_pool(init=prepare, min_size=size, max_size=size) as pool:
        app.state.pool = pool
        yield


app = FastAPI(lifespan=lifespan)


@app.post("/audit-logs", status_code=201)
async def create(record: Record) -> Created:
    created = await app.state.pool.fetchval(
        INSERT,
        record.actor_id,
        record.actor_type,
        record.action,
        record.target_type,
        record.target_id,
        record.metadata,
        record.ip_address,
        record.user_agent,
        record.tenant_id,
        record.request_id,
    )
    return Created(id=created)
