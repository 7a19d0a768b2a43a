import {readArmor} from './armor.ts';
import {readChain} from './pem.ts';
import {headerProperties, type Header, type ObjectSchema, type Problem} from './schema.ts';

/** A certificate of one's own: `certificates/<name>.yaml`. Its hosts are those that it names itself. */
export interface CertificateManifest extends Header<'Certificate'> {
  /** PEM: the host's certificate first, then those that it is signed by. */
  readonly certificate: string;
  /** Its key in PEM, as an age file in its ASCII armour. */
  readonly key: string;
}

const FOLDER = 'certificates/';
const CHAIN_LENGTH_MAX = 60_000;
/** A name is made from a host: `*.example.com` is `_.example.com`. */
export const CERTIFICATE_NAME_PATTERN = '^[a-z0-9_][a-z0-9._-]{0,199}$';

export const certificateSchema: ObjectSchema<CertificateManifest> = {
  title: 'Certificate',
  description: 'A certificate of your own, for the hosts that it names: certificates/<name>.yaml. Written by `flynn cert add`.',
  type: 'object',
  additionalProperties: false,
  required: ['apiVersion', 'kind', 'certificate', 'key'],
  properties: {
    ...headerProperties('Certificate'),
    certificate: {type: 'string', maxLength: CHAIN_LENGTH_MAX, pattern: '^\\s*-----BEGIN CERTIFICATE-----', errorMessage: 'must be certificates in PEM, the first line being -----BEGIN CERTIFICATE-----', description: "PEM: the host's certificate first, then those that it is signed by, without the root."},
    key: {type: 'string', errorMessage: 'must be a value that age has encrypted: flynn cert add writes it', description: "Its private key in PEM, encrypted to the cluster's recipients."},
  },
  examples: [{apiVersion: 'flynn/v1', kind: 'Certificate', certificate: '-----BEGIN CERTIFICATE-----\n…\n-----END CERTIFICATE-----\n', key: '-----BEGIN AGE ENCRYPTED FILE-----\n…\n-----END AGE ENCRYPTED FILE-----\n'}],
};

/** Whether the key is that of the certificate shows where it can be opened. */
export function checkCertificate({certificate, key}: CertificateManifest): readonly Problem[] {
  const chain = readChain(certificate);
  const armor = readArmor(key);
  return [
    ...(chain.ok ? [] : [{path: ['certificate'], message: `certificate ${chain.problem}`}]),
    ...(armor.ok ? [] : [{path: ['key'], message: `key ${armor.problem}`}]),
  ];
}

export function certificateFile(name: string): string {
  return `${FOLDER}${name}.yaml`;
}

/** `shop.example.com` of `certificates/shop.example.com.yaml`; undefined for any other path. */
export function certificateNameOf(path: string): string | undefined {
  return path.startsWith(FOLDER) && path.endsWith('.yaml') ? path.slice(FOLDER.length, -'.yaml'.length) : undefined;
}
