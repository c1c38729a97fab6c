package "postgresql-#{node['shop-db']['version']}"

service 'postgresql' do
  action %i(enable start)
end

execute 'create role' do
  command "psql -c 'CREATE ROLE shop'"
  user 'postgres'
  not_if "psql -tAc \"SELECT 1 FROM pg_roles WHERE rolname='shop'\"", user: 'postgres'
end

if node['platform'] == 'ubuntu' && node['platform_version'].to_f >= 22.04
  package 'postgresql-contrib'
end

case node['platform']
when 'debian'
  package 'debian-goodies'
when 'ubuntu'
  package 'ubuntu-standard'
when 'centos', 'redhat'
  package 'epel-release'
end
