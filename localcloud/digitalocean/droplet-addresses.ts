import { ADDRESSES } from "../addresses";

export const ipv4Of = (host: number): string => ADDRESSES.droplets.v4Gateway.replace(/\d+$/, String(host));
export const ipv6Of = (host: number): string => ADDRESSES.droplets.v6Gateway.replace(/\d+$/, String(host));
