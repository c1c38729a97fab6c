default[:site][:workers] = 2
default[:site][:allowed] = []
set[:site][:tmp] = '/tmp/site'
default_unless[:site][:workers] = 9
include_attribute 'deploy'
node.default['site']['root'] = '/srv/www'
