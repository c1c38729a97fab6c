include_recipe 'base'
include_recipe 'shop-db::default'
include_recipe 'shop-app::app'
include_recipe 'shop-app::proxy'
