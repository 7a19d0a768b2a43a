import test from 'ava';
import {runInApp, type Files} from '../support/buildpack-scripts.ts';

const lock = (...gems: readonly string[]) => `GEM\n  remote: https://rubygems.org/\n  specs:\n${gems.map((gem) => `    ${gem}\n`).join('')}\nPLATFORMS\n  ruby\n`;

const prints = test.macro(async (t, script: string, files: Files, expected: string) => {
  const {output} = await runInApp('ruby', {script: `$BUILDPACK/bin/${script}`, files});
  t.is(output, expected);
});

const web = (command: string) => `default_process_types:\n  web: "${command}"`;

test('an app with a Gemfile is Ruby', prints, 'detect .', {Gemfile: ''}, 'Ruby');
test('an app without a Gemfile is not Ruby', prints, 'detect .', {'config.ru': ''}, '');
test('Rails serves with its own command', prints, 'release .', {'Gemfile.lock': lock('railties (8.0.2)', 'puma (6.6.0)'), 'config.ru': ''}, web('bin/rails server -p ${PORT:-5000} -e $RAILS_ENV'));
test('an app of Rack 2 serves with rackup', prints, 'release .', {'Gemfile.lock': lock('rack (2.2.17)'), 'config.ru': ''}, web('bundle exec rackup config.ru -p ${PORT:-5000}'));
test('an app of Rack 3 serves with rackup where it has it', prints, 'release .', {'Gemfile.lock': lock('rack (3.1.16)', 'rackup (2.2.1)'), 'config.ru': ''}, web('bundle exec rackup config.ru -p ${PORT:-5000}'));
test('an app of Rack 3 without rackup serves with puma', prints, 'release .', {'Gemfile.lock': lock('puma (6.6.0)', 'rack (3.1.16)'), 'config.ru': ''}, web('bundle exec puma -p ${PORT:-5000} config.ru'));
test('an app without a config.ru has no web server of its own', prints, 'release .', {'Gemfile.lock': lock('rack (3.1.16)', 'rackup (2.2.1)')}, 'default_process_types: {}');
test('gems with extensions bring the libraries that they need', prints, 'packages .', {'Gemfile.lock': lock('pg (1.5.9)')}, 'both ruby ruby-bundler\nbuild ruby-dev libyaml-dev libffi-dev\nbuild libpq-dev\nrun libpq5');
test('a gem with a longer name is another one', prints, 'packages .', {'Gemfile.lock': lock('pg_search (2.3.7)')}, 'both ruby ruby-bundler\nbuild ruby-dev libyaml-dev libffi-dev');

const tellsCause = test.macro(async (t, said: string, expected: string) => {
  const script = `source $BUILDPACK/lib/gems.sh; RUBY_API=3.3.0; sed -i "s,/tmp/output,$PWD/said," $PWD/gems.sh; source $PWD/gems.sh; cause_of_failure`;
  const {output} = await runInApp('ruby', {script: `cp $BUILDPACK/lib/gems.sh .; ${script}`, files: {said}});
  t.is(output, expected);
});

test('another version of Ruby is the cause, with what to write instead', tellsCause, 'Your Ruby version is 3.3.14, but your Gemfile specified 3.2.2\n', 'Your Ruby version is 3.3.14, but your Gemfile specified 3.2.2. This stack has Debian\'s: ask for "~> 3.3.0", or build the app with a Dockerfile');
test('a cause of several lines is told in one', tellsCause, 'Fetching gem metadata\n\nCould not find rack-9 in cached gems\nor installed locally\n', 'Could not find rack-9 in cached gems or installed locally');
test('what is not known is told by its last line', tellsCause, 'something\nwent wrong\n\n', 'went wrong');
