name 'webserver'
maintainer 'People'
license 'Apache-2.0'
description 'Installs a web server'
long_description IO.read(File.join(File.dirname(__FILE__), 'README.md'))
version '2.1.0'
chef_version '>= 12.1'
%w(ubuntu debian centos).each do |os|
  supports os
end
depends 'ohai', '>= 4.0'
depends 'build-essential'
