export { sourceText } from "./files";
export { renderNftables, type NftablesInput, type PrivateTarget } from "./nftables";
export { environmentFile, shellQuote } from "./shell";
export {
  MAX_USER_DATA_BYTES,
  bootstrapInput,
  renderUserData,
  userDataDigest,
  type BootstrapInput,
  type UserDataInput,
} from "./user-data";
