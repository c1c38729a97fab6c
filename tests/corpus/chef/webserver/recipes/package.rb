case node['platform_family']
when 'rhel'
  include_recipe 'yum-epel'
  package 'nginx'
when 'debian'
  package 'nginx-light' do
    action :install
    notifies :reload, 'ohai[reload_nginx]', :immediately
  end
end
