import test from 'ava';
import {looksSecret} from '../../schemas/looks-secret.ts';

const looks = test.macro({
  exec(t, name: string, value: string, expected: string | undefined) {
    t.is(looksSecret(name, value), expected);
  },
  title: (_title: string | undefined, name: string, value: string, expected: string | undefined) => `${name}=${value.slice(0, 24)} ${expected === undefined ? 'is nothing special' : `looks like a secret: ${expected}`}`,
});

// In two parts, so that nobody's scanner takes this file for a leak.
const joined = (...parts: readonly string[]) => parts.join('');

test(looks, 'X', joined('AK', 'IAIOSFODNN7EXAMPLE'), 'an AWS access key');
test(looks, 'X', joined('gh', 'p_16C7e42F292c6912E7710c838347Ae178B4a'), 'a GitHub token');
test(looks, 'X', joined('sk_', 'live_4eC39HqLyjWDarjtT1zdp7dc'), 'a Stripe key');
test(looks, 'PEM', joined('-----BEGIN RSA ', 'PRIVATE KEY-----\nMIIE'), 'a private key');
test(looks, 'AGE', joined('AGE-', 'SECRET-KEY-1QQQ'), 'an age identity');
test(looks, 'DATABASE_URL', 'postgres://shop:hunter2@db.example.com/shop', 'a URL with a password');
test(looks, 'REDIS', 'redis://:hunter2@cache:6379', 'a URL with a password');
test(looks, 'DB_PASSWORD', 'hunter2', 'its name says so');
test(looks, 'db_password', 'hunter2', 'its name says so');
test(looks, 'GITHUB_TOKEN', 'abcdef', 'its name says so');
test(looks, 'SECRET_KEY_BASE', 'abcdef', 'its name says so');
test(looks, 'SESSION_SECRET', 'keyboard cat', 'its name says so');
test(looks, 'BLOB', 'q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQ', 'it is as random as a key');

test(looks, 'LOG_LEVEL', 'info', undefined);
test(looks, 'DATABASE_URL', 'postgres://db.example.com/shop', undefined);
test(looks, 'DATABASE_URL', 'postgres://shop@db.example.com/shop', undefined);
test(looks, 'PASSWORD_FILE', '/run/secrets/password', undefined);
test(looks, 'TOKEN', '/run/secrets/token', undefined);
test(looks, 'TOKEN_URL', 'https://auth.example.com/token', undefined);
test(looks, 'USE_TOKEN', 'true', undefined);
test(looks, 'MAX_TOKEN', '4096', undefined);
test(looks, 'STRIPE_PUBLISHABLE_KEY', joined('pk_', 'live_4eC39HqLyjWDarjtT1zdp7dc'), undefined);
test(looks, 'KEYBOARD', 'querty-layout', undefined);
test(looks, 'MONKEY', 'banana', undefined);
test(looks, 'REQUEST_ID', '123e4567-e89b-12d3-a456-426614174000', undefined);
test(looks, 'COMMIT', '0e3058b082df0e3058b082df0e3058b082df0e30', undefined);
test(looks, 'IMAGE', 'sha256:0e3058b082df0e3058b082df0e3058b082df0e30', undefined);
test(looks, 'GREETING', 'good morning to all of you, whoever you are', undefined);
test(looks, 'HOST', 'a-rather-long-host-name-1.eu-central-1.example.com', undefined);
