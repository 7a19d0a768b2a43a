import test from 'ava';
import {checkApi, layersFolder, readDescriptor, targetProblem, type Platform} from '../../../../reconciler/build/cnb/descriptor.ts';

const HERE: Platform = {os: 'linux', arch: 'amd64', distribution: {name: 'debian', version: '13'}};
const read = (text: string) => readDescriptor(text, {folder: '/tmp/buildpacks/00', where: 'buildpack.toml'});
const withId = (rest = '') => read(`api = "0.11"\n[buildpack]\nid = "a/b"\nversion = "1.2.3"\n${rest}`);

test('a buildpack.toml says who it is', t => {
  const {api, id, version, name, clearsEnv, order} = read('api = "0.10"\n[buildpack]\nid = "samples/hello"\nversion = "0.0.1"\nname = "Hello"\nclear-env = true\n');
  t.deepEqual({api, id, version, name, clearsEnv, order}, {api: '0.10', id: 'samples/hello', version: '0.0.1', name: 'Hello', clearsEnv: true, order: []});
});

test('a buildpack of others has an order, without those that are not for production', t => {
  const {order} = withId('[[order]]\n[[order.group]]\nid = "x"\nversion = "1"\n[[order.group]]\nid = "y"\noptional = true\n[[order.group]]\nid = "z"\nexec-env = ["test"]\n');
  t.deepEqual(order, [[{id: 'x', version: '1', isOptional: false}, {id: 'y', isOptional: true}]]);
});

const refuses = test.macro({
  exec(t, text: string, message: string | RegExp) {
    t.throws(() => checkApi(read(text)), {message});
  },
  title: (claim = '') => claim,
});

test('an older API is refused with those that are understood', refuses, 'api = "0.8"\n[buildpack]\nid = "old"\n', 'buildpack "old" is for Buildpack API 0.8, understood are 0.10 to 0.12');
test('a newer API is refused too', refuses, 'api = "0.13"\n[buildpack]\nid = "new"\n', 'buildpack "new" is for Buildpack API 0.13, understood are 0.10 to 0.12');
test('a missing API is refused', refuses, '[buildpack]\nid = "none"\n', 'buildpack "none" does not say which Buildpack API it is for (api = "0.11" in buildpack.toml)');
test('an id that would leave its folder is refused', refuses, 'api = "0.11"\n[buildpack]\nid = "../x"\n', /^buildpack\.toml: buildpack\.id "\.\.\/x" can't be a buildpack's id/);
test('an id that the specification keeps for itself is refused', refuses, 'api = "0.11"\n[buildpack]\nid = "config"\n', /buildpack\.id "config" can't be/);
test('TOML that is none is refused at its place', refuses, 'api = "0.11"\n[buildpack\n', /^buildpack\.toml:2:\d+: /);
test('a value of another type is refused by its name', refuses, 'api = "0.11"\n[buildpack]\nid = 3\n', 'buildpack.toml: "id" must be a text in quotes');

const targets = test.macro({
  exec(t, text: string, problem: string | undefined) {
    t.is(targetProblem(withId(text), HERE), problem);
  },
  title: (claim = '') => claim,
});

test('without targets a buildpack is for any Linux', targets, '', undefined);
test('an operating system alone is enough', targets, '[[targets]]\nos = "linux"\n', undefined);
test('one of several targets is enough', targets, '[[targets]]\nos = "windows"\n[[targets]]\nos = "linux"\narch = "amd64"\n', undefined);
test('the stack "*" is any', targets, '[[stacks]]\nid = "*"\n', undefined);
test('Debian 13 is found among the distributions', targets, '[[targets]]\nos = "linux"\n[[targets.distros]]\nname = "ubuntu"\nversion = "24.04"\n[[targets.distros]]\nname = "debian"\n', undefined);
test('another distribution is a reason', targets, '[[targets]]\nos = "linux"\narch = "amd64"\n[[targets.distros]]\nname = "ubuntu"\nversion = "24.04"\n', 'made for linux/amd64 ubuntu 24.04, this is linux/amd64 debian 13');
test('another processor is a reason', targets, '[[targets]]\narch = "arm64"\n', 'made for any/arm64, this is linux/amd64 debian 13');

test('an id is one folder below /layers', t => {
  t.is(layersFolder('samples/hello'), '/layers/samples_hello');
});
