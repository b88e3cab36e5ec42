/** The package of Express 4 under its second name; the part that the tests use has the same types. */
declare module "express4" {
  export { default } from "express";
}
