/** The packages of older frameworks under their second names; the parts that the tests use have the same types. */
declare module "express4" {
  export { default } from "express";
}
declare module "fastify4" {
  export { default } from "fastify";
}
